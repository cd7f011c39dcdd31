/** Starred items. */
export default {
  'starred.title': 'Markiert',
  'starred.empty_title': 'Noch ist nichts markiert',
  'starred.empty_text': 'Markieren Sie eine Datei oder einen Ordner im Menü, um sie hier schnell zu finden.',
  'starred.remove': 'Markierung entfernen',
  'starred.remove_name': 'Markierung entfernen: {name}',
};
