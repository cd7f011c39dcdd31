/** The URL of each view. A view is loaded when it is shown. */
import { toastError } from './components/toast.js';
import { shareDialog } from './lib/item_menu.js';
import { loadModule } from './lib/load_module.js';
import { route } from './lib/router.js';

/** Add all views to the router, and connect the menu of an item with the dialog that shares it. */
export function addRoutes() {
  route('/', () => import('./views/files.js'));
  route('/files/{id}', () => import('./views/files.js'));
  route('/sign-in', () => import('./views/sign_in.js'), { public: true, bare: true });
  route('/sign-up', () => import('./views/sign_up.js'), { public: true, bare: true });
  route('/reset', () => import('./views/reset.js'), { public: true, bare: true });
  route('/reset-password', () => import('./views/new_password.js'), { public: true, bare: true });
  route('/invitation', () => import('./views/new_password.js'), { public: true, bare: true });
  route('/verify-email', () => import('./views/verify_email.js'), { public: true, bare: true });
  route('/s/{token}', () => import('./views/link_page.js'), { public: true, bare: true });
  route('/preview/{id}', () => import('./views/preview.js'));
  route('/shared', () => import('./views/shared_with_me.js'));
  route('/drives', () => import('./views/drives.js'));
  route('/links', () => import('./views/links.js'));
  route('/settings', () => import('./views/settings.js'));
  route('/admin', () => import('./views/admin.js'));
  route('/admin/audit', () => import('./views/audit.js'));
  route('/starred', () => import('./views/starred.js'));
  route('/search', () => import('./views/search.js'));
  route('/trash', () => import('./views/trash.js'));
  shareDialog.open = (item) => void openShare(item).catch(toastError);
}

/** @param {import('./lib/folder.js').Item} item */
async function openShare(item) {
  const { openShareDialog } = await loadModule(import('./components/share_dialog.js'));
  await openShareDialog(item);
}
