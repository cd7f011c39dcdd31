/** The trash. */
export default {
  'trash.title': 'Papierkorb',
  'trash.nothing_title': 'Der Papierkorb ist leer',
  'trash.nothing_text': 'Was Sie löschen, bleibt eine Weile hier, damit Sie es zurückholen können.',
  'trash.since': 'im Papierkorb seit {time}',
  'trash.purged': 'wiederherstellbar bis {time}',
  'trash.restore': 'Wiederherstellen',
  'trash.restore_name': '{name} wiederherstellen',
  'trash.restored': '„{name}“ ist wieder da.',
  'trash.delete': 'Endgültig löschen',
  'trash.delete_name': 'Endgültig löschen: {name}',
  'trash.delete_title': '„{name}“ endgültig löschen?',
  'trash.delete_text': 'Das lässt sich nicht rückgängig machen.',
  'trash.deleted': '„{name}“ ist endgültig gelöscht.',
  'trash.empty_action': 'Papierkorb leeren',
  'trash.empty_question': 'Papierkorb leeren?',
  'trash.empty_warning': 'Alles darin wird endgültig gelöscht. Das lässt sich nicht rückgängig machen.',
};
