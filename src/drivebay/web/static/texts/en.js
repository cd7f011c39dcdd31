/** English. Each view has a file of its own. */
import activity from './en/activity.js';
import admin from './en/admin.js';
import common from './en/common.js';
import copies from './en/copies.js';
import details from './en/details.js';
import drives from './en/drives.js';
import fields from './en/fields.js';
import files from './en/files.js';
import linkPage from './en/link_page.js';
import links from './en/links.js';
import preview from './en/preview.js';
import search from './en/search.js';
import settings from './en/settings.js';
import share from './en/share.js';
import shared from './en/shared.js';
import signIn from './en/sign_in.js';
import starred from './en/starred.js';
import trash from './en/trash.js';
import uploads from './en/uploads.js';
import versions from './en/versions.js';
import views from './en/views.js';

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
