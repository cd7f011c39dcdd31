/** The versions of a file. */
export default {
  'versions.title': 'Versionen',
  'versions.current': 'Aktuell',
  'versions.download': 'Herunterladen',
  'versions.download_name': 'Herunterladen: Version vom {date}',
  'versions.restore': 'Wiederherstellen',
  'versions.restore_name': 'Wiederherstellen: Version vom {date}',
  'versions.restored': 'Die Version vom {date} ist wieder aktuell.',
  'versions.delete': 'Endgültig löschen',
  'versions.delete_name': 'Endgültig löschen: Version vom {date}',
  'versions.delete_title': 'Version vom {date} endgültig löschen?',
  'versions.delete_text': 'Das lässt sich nicht rückgängig machen.',
  'versions.deleted': 'Die Version ist endgültig gelöscht.',
};
