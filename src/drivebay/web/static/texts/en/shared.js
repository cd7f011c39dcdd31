/** The view of items that are shared with the user. */
export default {
  'shared.title': 'Shared with me',
  'shared.empty_title': 'Nothing is shared with you yet',
  'shared.empty_text': 'When a person shares a file or folder with your email address, it appears here.',
};
