/** The results of the search field, which follow the typing, with filters. The URL contains the whole query. */

import { Empty } from '../components/empty.js';
import { Checkbox } from '../components/field.js';
import { ItemRow } from '../components/item_row.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { RoleSelect } from '../components/role_select.js';
import { bytes, date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { navigate } from '../lib/router.js';
import { html } from '../lib/ui.js';
import { useDriveTitle } from '../lib/use_drive_title.js';
import { usePages } from '../lib/use_pages.js';

const KINDS = ['any', 'folder', 'file', 'image', 'video', 'audio', 'document'];
const AGES = ['any_time', '1', '7', '30', '365'];
const SIZES = ['any_size', '1048576', '104857600', '1073741824'];

/** @param {{query: URLSearchParams}} props */
export default function Search({ query }) {
  const q = query.get('q') ?? '';
  const kind = query.get('kind') ?? 'any';
  const age = query.get('age') ?? 'any_time';
  const size = query.get('size') ?? 'any_size';
  const starred = query.get('starred') === 'true';
  const drive = query.get('drive_id');
  const title = useDriveTitle(t('search.title'), drive);

  /** @param {Record<string, string | null>} change */
  const search = (change) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === '') next.delete(name);
      else next.set(name, value);
    }
    navigate(`/search?${next}`, { replace: true });
  };

  const list = usePages(q === '' ? null : '/v1/search', filters({ q, kind, age, size, starred, drive }));
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${title} />
    <div class="search-filters" role="group" aria-label=${t('search.filters')}>
        <${RoleSelect} texts="search" roles=${KINDS} value=${kind} label=${t('search.kind')} onChange=${(/** @type {string} */ value) => search({ kind: value === 'any' ? null : value })} />
        <${RoleSelect} texts="search" roles=${AGES.map(prefixed('age'))} value=${prefixed('age')(age)} label=${t('search.modified')} onChange=${(/** @type {string} */ value) => search({ age: bare(value, 'age', 'any_time') })} />
        <${RoleSelect} texts="search" roles=${SIZES.map(prefixed('size'))} value=${prefixed('size')(size)} label=${t('search.size')} onChange=${(/** @type {string} */ value) => search({ size: bare(value, 'size', 'any_size') })} />
        <${Checkbox} label=${t('search.starred')} checked=${starred} onChange=${() => search({ starred: starred ? null : 'true' })} />
    </div>
    <p class="visually-hidden" role="status">${q !== '' && !list.loading ? t('search.count', { count: list.items.length }) : ''}</p>
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${q === '' && html`<${Empty} icon="search" title=${t('search.start_title')} text=${t('search.start_text')} />`}
    ${q !== '' && isEmpty && html`<${Empty} icon="search" title=${t('search.none_title', { q })} text=${t('search.none_text')} />`}
    <ul class="item-rows" aria-label=${t('search.results')} aria-busy=${list.loading}>
      ${list.items.map((/** @type {any} */ item) => html`<${ItemRow} key=${item.id} item=${item} siblings=${list.items} note=${noteOf(item)} />`)}
    </ul>
    <${MoreRows} list=${list} />`;
}

/**
 * Return the query of the API for the filters in the URL.
 *
 * @param {{q: string, kind: string, age: string, size: string, starred: boolean, drive: string | null}} wanted
 */
function filters({ q, kind, age, size, starred, drive }) {
  const isKind = kind === 'file' || kind === 'folder';
  return {
    q,
    kind: isKind ? kind : null,
    type: isKind || kind === 'any' ? null : kind,
    modified_after: age === 'any_time' ? null : daysAgo(Number(age)),
    min_size: size === 'any_size' ? null : size,
    starred: starred ? true : null,
    drive_id: drive,
  };
}

/**
 * Return the start of a day, so that the same search gives the same query.
 *
 * @param {number} days
 */
function daysAgo(days) {
  const day = new Date();
  day.setUTCHours(0, 0, 0, 0);
  return new Date(day.getTime() - days * 86_400_000).toISOString();
}

/** @param {string} name */
function prefixed(name) {
  return (/** @type {string} */ value) => (value.startsWith('any') ? value : `${name}_${value}`);
}

/**
 * @param {string} value
 * @param {string} name
 * @param {string} any
 */
function bare(value, name, any) {
  return value === any ? null : value.slice(name.length + 1);
}

/** @param {any} item */
function noteOf(item) {
  const folder = item.path.slice(0, item.path.lastIndexOf('/')) || '/';
  const parts = [folder];
  if (item.kind === 'file') parts.push(bytes(item.size));
  parts.push(date(item.modified_at));
  return parts.join(' · ');
}
