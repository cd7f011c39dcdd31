/** The activity of a file or folder: what was changed, when and by whom, newest first. */

import { loadPeople } from '../lib/activity_people.js';
import { dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { session } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { useLoaded } from '../lib/use_loaded.js';
import { usePages } from '../lib/use_pages.js';
import { MoreRows } from './more_rows.js';
import { ProblemNotice } from './problem_notice.js';

const LIMIT = 20;
const KINDS = new Set([
  'created',
  'content',
  'renamed',
  'moved',
  'trashed',
  'restored',
  'deleted',
  'shared',
  'properties',
]);

/**
 * @typedef {{what: string, at: string, actor_id: string | null, actor_name: string | null}} Change
 *
 * @param {{file: any, isWhole: boolean}} props  `isWhole`: the user sees the whole drive, and so the lists of people with access
 */
export function Activity({ file, isWhole }) {
  const path = `/v1/files/${file.id}/activity`;
  /** @type {ReturnType<typeof usePages<Change>>} */
  const list = usePages(path, { drive_id: file.drive_id, limit: LIMIT });
  const people = useLoaded((signal) => loadPeople(file, isWhole, signal), [file.id, isWhole]);
  const isEmpty = !list.loading && list.error === null && list.items.length === 0;
  return html`<section class="activity" aria-label=${t('activity.title')}>
    <h3>${t('activity.title')}</h3>
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<p class="note">${t('activity.none')}</p>`}
    <ul aria-busy=${list.loading}>
      ${list.items.map(
        (change, index) => html`<li key=${`${change.at}${index}`}>
          <p><bdi>${nameOf(change, people.value)}</bdi>: ${whatOf(change)}</p>
          <p class="activity-time">${dateTime(change.at)}</p>
        </li>`,
      )}
    </ul>
    <${MoreRows} list=${list} />
  </section>`;
}

/** @param {Change} change */
function whatOf({ what }) {
  const kind = KINDS.has(what) ? what : 'other'; // later servers may send others
  return t(`activity.${kind}`);
}

/**
 * @param {Change} change
 * @param {Map<string, string> | null} people
 */
function nameOf({ actor_id: id, actor_name: name }, people) {
  if (id === null) return t('activity.system');
  if (id === session.value?.id) return t('activity.you');
  return name ?? people?.get(id) ?? t('activity.somebody');
}
