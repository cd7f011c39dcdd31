/** The view of what is shared with me. */
export default {
  'shared.title': 'Shared with me',
  'shared.empty_title': 'Nothing is shared with you yet',
  'shared.empty_text': 'When a person shares a file or folder with your email address, it appears here.',
};
