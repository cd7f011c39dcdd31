/** The people with whom an item is shared: add by email, change a role, remove. */

import { ApiError, api } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { withValue } from '../lib/input_value.js';
import { html, useState } from '../lib/ui.js';
import { useKeptFocus } from '../lib/use_kept_focus.js';
import { useLoaded } from '../lib/use_loaded.js';
import { Button } from './button.js';
import { Field } from './field.js';
import { ProblemNotice } from './problem_notice.js';
import { RoleSelect } from './role_select.js';

const ROLES = ['viewer', 'editor'];

/** @param {{file: import("./share_dialog.js").SharedItem}} props */
export function SharePeople({ file }) {
  const path = `/v1/files/${file.id}/permissions`;
  const query = { drive_id: file.drive_id };
  const people = useLoaded(() => api('GET', path, { query }), [file.id]);
  const rows = useKeptFocus('li');
  const [error, setError] = useState(/** @type {any} */ (null));
  /** Whether the person of the last change had been removed elsewhere. */
  const [wasRemoved, setRemoved] = useState(false);

  /**
   * @param {() => Promise<unknown>} act
   * @param {boolean} [isAdd] whether `act` adds a person by email address
   */
  const change = async (act, isAdd = false) => {
    setError(null);
    setRemoved(false);
    try {
      await act();
      people.reload();
      return true;
    } catch (failure) {
      const isRemoved = !isAdd && failure instanceof ApiError && failure.code === 'not_found';
      setRemoved(isRemoved);
      if (isRemoved) people.reload();
      else setError(failure);
      return false;
    }
  };

  const items = people.value?.items ?? [];
  return html`<section aria-labelledby="share-people">
    <h3 id="share-people">${t('share.people')}</h3>
    <${AddPerson} onAdd=${(/** @type {object} */ body) => change(() => api('PUT', path, { query, body }), true)} error=${error} />
    ${wasRemoved && html`<p class="form-error" role="alert">${t('share.no_access')}</p>`}
    ${people.error !== null && html`<${ProblemNotice} error=${people.error} onRetry=${people.reload} />`}
    ${people.value !== null && items.length === 0 && html`<p class="share-note">${t('share.nobody')}</p>`}
    <ul class="item-rows" ref=${rows} aria-label=${t('share.people')}>
      ${items.map((/** @type {any} */ person) => {
        const name = person.display_name ?? person.email ?? t('share.deleted_account');
        return html`<li class="item-row" key=${`${person.user_id}${person.inherited_from}`}>
          <div class="item-main">
            <span class="item-name" dir="auto">${name}</span>
            <span class="item-note">
              ${person.inherited_from === null ? (person.display_name === null ? '' : person.email) : t('share.inherited')}
            </span>
          </div>
          ${
            person.inherited_from === null
              ? html`<${RoleSelect}
                    roles=${ROLES}
                    value=${person.role}
                    label=${t('share.role_of', { name })}
                    onChange=${(/** @type {string} */ role) =>
                      change(() => api('PUT', path, { query, body: { user_id: person.user_id, role } }))}
                  />
                  <${Button}
                    aria-label=${t('share.remove_name', { name })}
                    onClick=${() => change(() => api('DELETE', `${path}/${person.user_id}`, { query }))}
                    >${t('views.remove')}<//
                  >`
              : html`<span class="item-note">${t(`views.${person.role}`)}</span>`
          }
        </li>`;
      })}
    </ul>
  </section>`;
}

/** @param {{onAdd: (body: object) => Promise<boolean>, error: any}} props */
function AddPerson({ onAdd, error }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState('viewer');
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await onAdd({ email: email.trim(), role })) setEmail('');
  };
  const unknown = error?.code === 'not_found';
  return html`<form class="share-form" onSubmit=${submit}>
    <${Field}
      label=${t('share.email')}
      type="email"
      name="share-email"
      autocomplete="off"
      required
      value=${email}
      error=${unknown ? t('share.unknown_email') : ''}
      onInput=${withValue(setEmail)}
    />
    <${RoleSelect} roles=${ROLES} value=${role} label=${t('views.role')} onChange=${setRole} />
    <${Button} kind="primary" type="submit" disabled=${email.trim() === ''}>${t('share.add')}<//>
    ${error !== null && !unknown && html`<${ProblemNotice} error=${error} />`}
  </form>`;
}
