/** Shared drives and their members. */
export default {
  'drives.title': 'Shared drives',
  'drives.create': 'New shared drive',
  'drives.create_action': 'Create',
  'drives.name': 'Name of the drive',
  'drives.empty_title': 'No shared drive yet',
  'drives.empty_text':
    'A shared drive belongs to a group: files stay when a person leaves. Create one, then add members.',
  'drives.files': { one: '{count} file', other: '{count} files' },
  'drives.members': 'Members',
  'drives.members_of': 'Members of “{name}”',
  'drives.you': 'you',
  'drives.unknown_email':
    'No account has this email address, or it is not confirmed. Ask the person to sign up or to confirm it.',
  'drives.rename': 'Rename the drive',
  'drives.rename_action': 'Rename',
  'drives.rename_name': 'Rename {name}',
  'drives.leave': 'Leave',
  'drives.leave_name': 'Leave {name}',
  'drives.leave_title': 'Leave “{name}”?',
  'drives.leave_text': 'You lose access to everything in it. A manager can add you again.',
  'drives.delete': 'Delete',
  'drives.delete_name': 'Delete {name}',
  'drives.delete_title': 'Delete “{name}” with everything in it?',
  'drives.delete_text':
    'All members lose access at once. Only the people who run this server can bring it back, for a limited time.',
};
