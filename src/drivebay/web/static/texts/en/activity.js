/** The activity of a file or folder. */
export default {
  'activity.title': 'Activity',
  'activity.none': 'Nothing has changed in the last 30 days.',
  'activity.you': 'You',
  'activity.somebody': 'Another person',
  'activity.system': 'Drivebay',
  'activity.created': 'added it',
  'activity.content': 'stored a new version',
  'activity.renamed': 'renamed it',
  'activity.moved': 'moved it',
  'activity.trashed': 'put it into the trash',
  'activity.restored': 'restored it',
  'activity.deleted': 'deleted it for good',
  'activity.shared': 'changed who can see it',
  'activity.properties': 'changed its star or properties',
  'activity.other': 'changed it',
};
