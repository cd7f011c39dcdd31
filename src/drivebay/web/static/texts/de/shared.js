/** The view of items that are shared with the user. */
export default {
  'shared.title': 'Mit mir geteilt',
  'shared.empty_title': 'Noch ist nichts mit Ihnen geteilt',
  'shared.empty_text':
    'Teilt eine Person eine Datei oder einen Ordner mit Ihrer E-Mail-Adresse, dann erscheint es hier.',
};
