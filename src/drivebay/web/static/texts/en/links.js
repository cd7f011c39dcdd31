/** The view of links. */
export default {
  'links.title': 'Links',
  'links.empty_title': 'No links yet',
  'links.empty_text':
    'A link lets people without an account open a file or folder. Choose “Share” in the menu of a file.',
  'links.in_trash': 'In the trash',
};
