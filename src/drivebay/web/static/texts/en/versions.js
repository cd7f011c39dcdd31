/** The versions of a file. */
export default {
  'versions.title': 'Versions',
  'versions.current': 'Current',
  'versions.download': 'Download',
  'versions.download_name': 'Download: version of {date}',
  'versions.restore': 'Restore',
  'versions.restore_name': 'Restore: version of {date}',
  'versions.restored': 'The version of {date} is current again.',
  'versions.delete': 'Delete for good',
  'versions.delete_name': 'Delete for good: version of {date}',
  'versions.delete_title': 'Delete the version of {date} for good?',
  'versions.delete_text': 'It cannot be brought back.',
  'versions.deleted': 'The version is gone for good.',
};
