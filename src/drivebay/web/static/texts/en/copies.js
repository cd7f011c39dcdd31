/** Texts of copies that take longer than a request. */
export default {
  'copies.bytes': '{sent} of {size} to {folder}',
  'copies.cancel': 'Cancel the copy of {name}',
  'copies.cancelled': 'Cancelled',
  'copies.cancelling': 'Cancelling …',
  'copies.clear': 'Close the list of copies',
  'copies.done': { one: '{count} item copied', other: '{count} items copied' },
  'copies.done_to': 'Copied to {folder}',
  'copies.doubtful':
    'Not cancelled: the server did not answer, so {folder} may have the copy. Look there, or copy again.',
  'copies.error_conflict': 'Something changed meanwhile, so nothing was copied. Try again.',
  'copies.error_forbidden': 'You may not add files to {folder}. Ask a manager of the drive, or choose another folder.',
  'copies.error_not_found': 'The original or the folder {folder} does not exist any more, or is not shared with you.',
  'copies.error_quota_exceeded':
    'There is not enough space in the drive of {folder}. Delete files there, empty its trash, or choose another drive.',
  'copies.error_too_large':
    'This folder has too many files and folders for one copy. Copy the folders in it one after another.',
  'copies.failed': { one: '{count} copy failed', other: '{count} copies failed' },
  'copies.going': '{done} of {count} copied',
  'copies.hide': 'Hide the list of copies',
  'copies.items': '{done} of {count} items to {folder}',
  'copies.no_worker': 'Waiting until the server has time for it',
  'copies.retry': 'Copy {name} again',
  'copies.show': 'Show the list of copies',
  'copies.title': 'Copies',
  'copies.to': 'Copying to {folder}',
};
