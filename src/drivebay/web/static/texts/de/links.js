/** The view of links. */
export default {
  'links.title': 'Links',
  'links.empty_title': 'Noch keine Links',
  'links.empty_text':
    'Mit einem Link öffnen Personen ohne Konto eine Datei oder einen Ordner. Wählen Sie im Menü einer Datei „Teilen“.',
  'links.in_trash': 'Im Papierkorb',
};
