/** Starred items. */
export default {
  'starred.title': 'Starred',
  'starred.empty_title': 'Nothing is starred yet',
  'starred.empty_text': 'Star a file or folder in its menu to find it here quickly.',
  'starred.remove': 'Remove star',
  'starred.remove_name': 'Remove star: {name}',
};
