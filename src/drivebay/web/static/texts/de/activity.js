/** The activity of a file or folder. */
export default {
  'activity.title': 'Aktivität',
  'activity.none': 'In den letzten 30 Tagen hat sich nichts geändert.',
  'activity.you': 'Sie',
  'activity.somebody': 'Eine andere Person',
  'activity.system': 'Drivebay',
  'activity.created': 'hinzugefügt',
  'activity.content': 'neue Version gespeichert',
  'activity.renamed': 'umbenannt',
  'activity.moved': 'verschoben',
  'activity.trashed': 'in den Papierkorb gelegt',
  'activity.restored': 'wiederhergestellt',
  'activity.deleted': 'endgültig gelöscht',
  'activity.shared': 'geändert, wer es sehen kann',
  'activity.properties': 'Markierung oder Eigenschaften geändert',
  'activity.other': 'geändert',
};
