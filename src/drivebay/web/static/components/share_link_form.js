/** The form for a new link with limits. */

import { t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './button.js';
import { Field, formValues, Select } from './field.js';

const ROLES = ['viewer', 'uploader', 'editor'];
const DAYS = ['never', '1', '7', '30', '365'];

/**
 * @param {{kind: "file" | "folder", busy: boolean, onCreate: (body: object) => void, onCancel: () => void}} props
 */
export function ShareLinkForm({ kind, busy, onCreate, onCancel }) {
  const [role, setRole] = useState('viewer');
  const submit = (/** @type {Event} */ event) => {
    const { password, days, limit = '', name } = formValues(event);
    onCreate({
      role,
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...(password === '' ? {} : { password }),
      ...(days === 'never' ? {} : { expires_at: inDays(Number(days)) }),
      ...(limit === '' ? {} : { max_downloads: Number(limit) }),
    });
  };
  const roles = ROLES.map((each) => [each, t(`share.role_${each}`)]);
  const ends = DAYS.map((each) => [each, t(`share.days_${each}`)]);
  return html`<form class="share-link-form" onSubmit=${submit}>
    ${kind === 'folder' && html`<${Select} label=${t('share.who_has')} name="role" value=${role} options=${roles} onChange=${withValue(setRole)} />`}
    <${Field} label=${t('share.password')} type="password" name="password" autocomplete="new-password" maxlength="256" />
    <${Select} label=${t('share.expiry')} name="days" value="never" options=${ends} />
    ${role !== 'uploader' && html`<${Field} label=${t('share.max_downloads')} type="number" name="limit" min="1" max="2147483647" />`}
    <${Field} label=${t('share.name')} name="name" maxlength="255" autocomplete="off" />
    <div class="dialog-buttons">
      <${Button} onClick=${onCancel}>${t('common.cancel')}<//>
      <${Button} kind="primary" type="submit" busy=${busy}>${t('share.create')}<//>
    </div>
  </form>`;
}

/** @param {number} days */
function inDays(days) {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}
