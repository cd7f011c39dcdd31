/** The preview of a file. */
export default {
  'preview.details': 'Details',
  'preview.previous': 'Previous file',
  'preview.next': 'Next file',
  'preview.none': 'There is no preview of this file. Download it to open it.',
  'preview.broken': 'Your browser cannot show this file. Download it to open it.',
};
