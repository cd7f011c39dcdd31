/** The details of an item. */
export default {
  'details.title': 'Details',
  'details.kind': 'Kind',
  'details.size': 'Size',
  'details.path': 'Place',
  'details.modified': 'Changed',
  'details.created': 'Added',
  'details.tree': '{size} in {files} files and {folders} folders',
};
