/** Shared drives and their members. */
export default {
  'drives.title': 'Gemeinsame Laufwerke',
  'drives.create': 'Neues gemeinsames Laufwerk',
  'drives.create_action': 'Erstellen',
  'drives.name': 'Name des Laufwerks',
  'drives.empty_title': 'Noch kein gemeinsames Laufwerk',
  'drives.empty_text':
    'Ein gemeinsames Laufwerk gehört einer Gruppe: Dateien bleiben, wenn jemand geht. Erstellen Sie eins und fügen Sie Mitglieder hinzu.',
  'drives.files': { one: '{count} Datei', other: '{count} Dateien' },
  'drives.members': 'Mitglieder',
  'drives.members_of': 'Mitglieder von „{name}“',
  'drives.you': 'Sie',
  'drives.unknown_email':
    'Kein Konto hat diese E-Mail-Adresse, oder sie ist nicht bestätigt. Bitten Sie die Person, sich zu registrieren oder die Adresse zu bestätigen.',
  'drives.rename': 'Laufwerk umbenennen',
  'drives.rename_action': 'Umbenennen',
  'drives.rename_name': '{name} umbenennen',
  'drives.leave': 'Verlassen',
  'drives.leave_name': '{name} verlassen',
  'drives.leave_title': '„{name}“ verlassen?',
  'drives.leave_text': 'Sie verlieren den Zugriff auf alles darin. Wer verwaltet, kann Sie wieder hinzufügen.',
  'drives.delete': 'Löschen',
  'drives.delete_name': '{name} löschen',
  'drives.delete_title': '„{name}“ mit allem darin löschen?',
  'drives.delete_text':
    'Alle Mitglieder verlieren sofort den Zugriff. Nur der Betreiber kann es eine begrenzte Zeit lang zurückholen.',
};
