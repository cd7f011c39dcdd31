/** The preview of a file. */
export default {
  'preview.details': 'Details',
  'preview.previous': 'Vorige Datei',
  'preview.next': 'Nächste Datei',
  'preview.none': 'Von dieser Datei gibt es keine Vorschau. Laden Sie sie herunter, um sie zu öffnen.',
  'preview.broken': 'Ihr Browser kann diese Datei nicht zeigen. Laden Sie sie herunter, um sie zu öffnen.',
};
