/** The trash. */
export default {
  'trash.title': 'Trash',
  'trash.nothing_title': 'The trash is empty',
  'trash.nothing_text': 'Deleted items stay here for a while, so that you can restore them.',
  'trash.since': 'in the trash since {time}',
  'trash.purged': 'can be restored until {time}',
  'trash.restore': 'Restore',
  'trash.restore_name': 'Restore {name}',
  'trash.restored': '“{name}” is back.',
  'trash.delete': 'Delete for good',
  'trash.delete_name': 'Delete for good: {name}',
  'trash.delete_title': 'Delete “{name}” for good?',
  'trash.delete_text': 'It cannot be brought back.',
  'trash.deleted': '“{name}” is gone for good.',
  'trash.empty_action': 'Empty trash',
  'trash.empty_question': 'Empty the trash?',
  'trash.empty_warning': 'Everything in it is deleted for good and cannot be brought back.',
};
