/** Texts that several views use. */
export default {
  'views.more': 'Mehr anzeigen',
  'views.remove': 'Entfernen',
  'views.download': 'Herunterladen',
  'views.copy': 'Kopieren',
  'views.copied': 'Kopiert',
  'views.name': 'Name',
  'views.email': 'E-Mail',
  'views.role': 'Rolle',
  'views.viewer': 'Lesen',
  'views.editor': 'Bearbeiten',
  'views.manager': 'Verwalten',
  'views.folder': 'Ordner',
  'error.already_enabled': 'Der zweite Faktor ist schon an. Laden Sie die Seite neu.',
  'error.in_progress': 'Dieselbe Anfrage läuft noch. Warten Sie einen Moment und versuchen Sie es noch einmal.',
  'error.last_admin': 'Dies ist der letzte Admin. Machen Sie zuerst eine andere Person zum Admin.',
  'error.last_manager': 'Dies ist die letzte Person, die verwaltet. Machen Sie zuerst eine andere zum Verwalter.',
  'error.password_required':
    'Das Passwort des Links wird noch einmal gebraucht. Versuchen Sie es erneut, um es einzugeben.',
};
