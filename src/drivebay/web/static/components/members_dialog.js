/** The members of a shared drive: add by email, change a role, remove. */

import { ApiError, api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { session } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Button } from './button.js';
import { Dialog, openDialog } from './dialog.js';
import { Field } from './field.js';
import { ProblemNotice } from './problem_notice.js';
import { RoleSelect } from './role_select.js';

const ROLES = ['viewer', 'editor', 'manager'];

/**
 * Open the dialog. Resolves when it is closed.
 *
 * @param {{id: string, name: string, role: string}} drive
 * @returns {Promise<void>}
 */
export async function openMembersDialog(drive) {
  await openDialog(MembersDialog, { drive });
}

/** @param {{drive: {id: string, name: string, role: string}, close: (result?: any) => void}} props */
function MembersDialog({ drive, close }) {
  return html`<${Dialog} title=${t('drives.members_of', { name: drive.name })} close=${close} wide>
    <${Members} drive=${drive} />
  <//>`;
}

/** @param {{drive: {id: string, role: string}}} props */
function Members({ drive }) {
  const path = `/v1/drives/${drive.id}/members`;
  const members = useLoaded(() => api('GET', path), [path]);
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  /** Whether the person of the last change had been removed elsewhere. */
  const [wasRemoved, setRemoved] = useState(false);
  const manages = drive.role === 'manager';

  /**
   * @param {() => Promise<unknown>} act
   * @param {boolean} [isAdd] whether `act` adds a person by email address
   */
  const change = async (act, isAdd = false) => {
    setError(null);
    setRemoved(false);
    try {
      await act();
      members.reload();
      return true;
    } catch (failure) {
      const isRemoved = !isAdd && failure instanceof ApiError && failure.code === 'not_found';
      setRemoved(isRemoved);
      if (isRemoved) members.reload();
      else setError(failure);
      return false;
    }
  };

  return html`<div class="share-dialog">
    ${manages && html`<${AddMember} onAdd=${(/** @type {object} */ body) => change(() => api('PUT', path, { body }), true)} error=${error} />`}
    ${error !== null && error.code !== 'not_found' && html`<${ProblemNotice} error=${error} />`}
    ${wasRemoved && html`<p class="form-error" role="alert">${t('share.no_access')}</p>`}
    ${members.error !== null && html`<${ProblemNotice} error=${members.error} onRetry=${members.reload} />`}
    <ul class="item-rows" ref=${rows} aria-label=${t('drives.members')}>
      ${(members.value?.items ?? []).map((/** @type {any} */ member) => {
        const name = member.display_name ?? member.email ?? t('share.deleted_account');
        const isMe = member.user_id === session.value?.id;
        return html`<li class="item-row" key=${member.user_id}>
          <div class="item-main">
            <span class="item-name" dir="auto">${name}</span>
            <span class="item-note">${isMe ? t('drives.you') : member.display_name === null ? '' : member.email}</span>
          </div>
          ${
            manages
              ? html`<${RoleSelect}
                    roles=${ROLES}
                    value=${member.role}
                    label=${t('share.role_of', { name })}
                    onChange=${(/** @type {string} */ role) => change(() => api('PUT', `${path}/${member.user_id}`, { body: { role } }))}
                  />
                  ${
                    !isMe &&
                    html`<${Button}
                      aria-label=${t('share.remove_name', { name })}
                      onClick=${() => change(() => api('DELETE', `${path}/${member.user_id}`))}
                      >${t('views.remove')}<//
                    >`
                  }`
              : html`<span class="item-note">${t(`views.${member.role}`)}</span>`
          }
        </li>`;
      })}
    </ul>
  </div>`;
}

/** @param {{onAdd: (body: object) => Promise<boolean>, error: any}} props */
function AddMember({ onAdd, error }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState('editor');
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await onAdd({ email: email.trim(), role })) setEmail('');
  };
  return html`<form class="share-form" onSubmit=${submit}>
    <${Field}
      label=${t('share.email')}
      type="email"
      name="member-email"
      autocomplete="off"
      required
      value=${email}
      error=${error?.code === 'not_found' ? t('drives.unknown_email') : ''}
      onInput=${withValue(setEmail)}
    />
    <${RoleSelect} roles=${ROLES} value=${role} label=${t('views.role')} onChange=${setRole} />
    <${Button} kind="primary" type="submit" disabled=${email.trim() === ''}>${t('share.add')}<//>
  </form>`;
}
