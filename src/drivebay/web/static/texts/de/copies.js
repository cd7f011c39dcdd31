/** Texts of copies that take longer than a request. */
export default {
  'copies.bytes': '{sent} von {size} nach {folder}',
  'copies.cancel': 'Kopieren von {name} abbrechen',
  'copies.cancelled': 'Abgebrochen',
  'copies.cancelling': 'Wird abgebrochen …',
  'copies.clear': 'Liste der Kopien schließen',
  'copies.done': { one: '{count} Element kopiert', other: '{count} Elemente kopiert' },
  'copies.done_to': 'Nach {folder} kopiert',
  'copies.doubtful':
    'Nicht abgebrochen: Der Server hat nicht geantwortet, in {folder} kann also eine Kopie sein. Sehen Sie dort nach, oder kopieren Sie noch einmal.',
  'copies.error_conflict':
    'Inzwischen hat sich etwas geändert, darum wurde nichts kopiert. Versuchen Sie es noch einmal.',
  'copies.error_forbidden':
    'Sie dürfen in {folder} nichts ablegen. Fragen Sie einen Verwalter des Laufwerks oder wählen Sie einen anderen Ordner.',
  'copies.error_not_found':
    'Das Original oder den Ordner {folder} gibt es nicht mehr, oder es ist nicht mit Ihnen geteilt.',
  'copies.error_quota_exceeded':
    'Im Laufwerk von {folder} ist nicht genug Platz. Löschen Sie dort Dateien, leeren Sie seinen Papierkorb oder wählen Sie ein anderes Laufwerk.',
  'copies.error_too_large':
    'Dieser Ordner hat zu viele Dateien und Ordner für eine Kopie. Kopieren Sie die Ordner darin nacheinander.',
  'copies.failed': { one: '{count} Kopie ist fehlgeschlagen', other: '{count} Kopien sind fehlgeschlagen' },
  'copies.going': '{done} von {count} kopiert',
  'copies.hide': 'Liste der Kopien verbergen',
  'copies.items': '{done} von {count} Elementen nach {folder}',
  'copies.no_worker': 'Wartet, bis der Server Zeit dafür hat',
  'copies.retry': '{name} noch einmal kopieren',
  'copies.show': 'Liste der Kopien zeigen',
  'copies.title': 'Kopien',
  'copies.to': 'Wird nach {folder} kopiert',
};
