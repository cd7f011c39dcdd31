/** Messages about the errors of form fields. */
export default {
  'fields.common': 'Das ist eines der häufigsten Passwörter. Wählen Sie ein anderes.',
  'fields.control': 'Ein Name darf keine Steuerzeichen enthalten, etwa einen Zeilenumbruch.',
  'fields.dots': '„.“ und „..“ sind keine Namen. Wählen Sie einen anderen.',
  'fields.email': 'Geben Sie eine vollständige E-Mail-Adresse ein, etwa ada@example.com.',
  'fields.empty': 'Geben Sie einen Namen ein.',
  'fields.future': 'Wählen Sie eine Zeit in der Zukunft.',
  'fields.length': 'Geben Sie {first} bis {second} Zeichen ein.',
  'fields.long_name': 'Dieser Name ist zu lang. Möglich sind {first} Byte; Zeichen wie ä oder 文 haben mehr als eines.',
  'fields.most': 'Geben Sie höchstens {first} Zeichen ein.',
  'fields.other': 'Der Server nimmt das nicht an: {message}',
  'fields.range': 'Geben Sie eine Zahl von {first} bis {second} ein.',
  'fields.scopes': 'Wählen Sie, was das Token darf.',
  'fields.slash': 'Ein Name darf keinen Schrägstrich (/) enthalten.',
};
