/** The dialogs of an account for admins: create or invite, change, delete. */
import { api } from '../lib/api.js';
import { errorText } from '../lib/errors.js';
import { bytes, dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { CopyField } from './copy_field.js';
import { confirm, Dialog, FormDialog } from './dialog.js';
import { Checkbox, Field, Select } from './field.js';

const GIB = 2 ** 30;

/** @param {{close: (result?: any) => void}} props */
export function NewUserDialog({ close }) {
  const [created, setCreated] = useState(/** @type {any} */ (null));
  if (created !== null) {
    return html`<${Dialog} title=${t('admin.invited')} close=${close}>
      <p class="note">${t('admin.invitation_note', { email: created.email })}</p>
      <${CopyField} label=${t('admin.invitation')} value=${created.invitation_url} />
    <//>`;
  }
  const send = async (/** @type {Record<string, string>} */ { email, password, role }) => {
    const body = { email: email.trim(), role, ...(password === '' ? {} : { password }) };
    const user = await api('POST', '/v1/admin/users', { body });
    if (user.invitation_url !== null) {
      setCreated(user);
      return new Promise(() => {}); // never resolves: the dialog stays open and shows the invitation
    }
    return user;
  };
  return html`<${FormDialog} title=${t('admin.new_user')} submit=${t('admin.create')} close=${close} onSubmit=${send}>
    <${Field} label=${t('views.email')} name="email" type="email" autocomplete="off" maxlength="254" required data-autofocus />
    <${Field} label=${t('admin.password')} hint=${t('admin.password_hint')} name="password" type="password" autocomplete="new-password" minlength="8" maxlength="256" />
    <${RoleField} value="user" />
  <//>`;
}

/** @param {{user: any, close: (result?: any) => void}} props */
export function UserDialog({ user, close }) {
  const [error, setError] = useState('');
  const limit = user.usage.limit_bytes / GIB;
  const send = (/** @type {Record<string, string>} */ { role, disabled, quota }) => {
    const wanted = quota === '' ? null : Math.round(Number(quota) * GIB);
    const body = {
      ...(role === user.role ? {} : { role }),
      ...((disabled === 'on') === user.disabled ? {} : { disabled: disabled === 'on' }),
      ...(Number(quota) === limit && quota !== '' ? {} : { limit_bytes: wanted }),
    };
    return api('PATCH', `/v1/admin/users/${user.id}`, { body });
  };
  /** @param {() => Promise<unknown>} act */
  const attempt = async (act) => {
    setError('');
    try {
      await act();
      close(true);
    } catch (failure) {
      setError(errorText(failure));
    }
  };
  const remove = async () => {
    const question = {
      title: t('admin.delete_title', { email: user.email }),
      text: t('admin.delete_text'),
      submit: t('admin.delete'),
      danger: true,
    };
    if (await confirm(question)) await attempt(() => api('DELETE', `/v1/admin/users/${user.id}`));
  };
  return html`<${FormDialog} title=${user.email} submit=${t('common.save')} close=${close} onSubmit=${send}>
    <p class="note">${t('admin.since', { time: dateTime(user.created_at), used: bytes(user.usage.used_bytes) })}</p>
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
    <${RoleField} value=${user.role} />
    <${Field} label=${t('admin.quota')} hint=${t('admin.quota_hint')} name="quota" type="number" min="0" step="any" defaultValue=${limit} />
    <p><${Checkbox} name="disabled" label=${t('admin.disable')} defaultChecked=${user.disabled} /></p>
    <div class="share-actions">
      <${Button} onClick=${() => attempt(() => api('POST', `/v1/admin/users/${user.id}/sessions/end`))}>${t('admin.end_sessions')}<//>
      <${Button} onClick=${remove}>${t('admin.delete')}<//>
    </div>
  <//>`;
}

/** @param {{value: string}} props */
function RoleField({ value }) {
  const roles = ['user', 'admin'].map((role) => [role, t(`admin.role_${role}`)]);
  return html`<${Select} label=${t('views.role')} name="role" value=${value} options=${roles} />`;
}
