/** The details of an item. */
export default {
  'details.title': 'Details',
  'details.kind': 'Art',
  'details.size': 'Größe',
  'details.path': 'Ort',
  'details.modified': 'Geändert',
  'details.created': 'Hinzugefügt',
  'details.tree': '{size} in {files} Dateien und {folders} Ordnern',
};
