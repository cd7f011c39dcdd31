/** German. Each view has a file of its own. */
import activity from './de/activity.js';
import admin from './de/admin.js';
import common from './de/common.js';
import copies from './de/copies.js';
import details from './de/details.js';
import drives from './de/drives.js';
import fields from './de/fields.js';
import files from './de/files.js';
import linkPage from './de/link_page.js';
import links from './de/links.js';
import preview from './de/preview.js';
import search from './de/search.js';
import settings from './de/settings.js';
import share from './de/share.js';
import shared from './de/shared.js';
import signIn from './de/sign_in.js';
import starred from './de/starred.js';
import trash from './de/trash.js';
import uploads from './de/uploads.js';
import versions from './de/versions.js';
import views from './de/views.js';

export default {
  ...common,
  ...files,
  ...signIn,
  ...uploads,
  ...activity,
  ...admin,
  ...copies,
  ...details,
  ...drives,
  ...fields,
  ...linkPage,
  ...links,
  ...preview,
  ...search,
  ...settings,
  ...share,
  ...shared,
  ...starred,
  ...trash,
  ...versions,
  ...views,
};
