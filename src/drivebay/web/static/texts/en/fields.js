/** Messages about the errors of form fields. */
export default {
  'fields.common': 'This is one of the most common passwords. Choose another one.',
  'fields.control': 'A name cannot contain control characters, such as a line break.',
  'fields.dots': '“.” and “..” are no names. Choose another one.',
  'fields.email': 'Enter a complete email address, such as ada@example.com.',
  'fields.empty': 'Enter a name.',
  'fields.future': 'Choose a time in the future.',
  'fields.length': 'Enter {first} to {second} characters.',
  'fields.long_name':
    'This name is too long. At most {first} bytes are possible; letters such as ä or 文 have more than one.',
  'fields.most': 'Enter at most {first} characters.',
  'fields.other': 'The server does not accept this: {message}',
  'fields.range': 'Enter a number from {first} to {second}.',
  'fields.scopes': 'Choose what the token may do.',
  'fields.slash': 'A name cannot contain a slash (/).',
};
