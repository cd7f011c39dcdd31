/** How much space is used, in total and by folder. */
import { loadFolderUsage } from '../lib/folder_usage.js';
import { bytes, number } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { folderUrl } from '../lib/links.js';
import { html, useState } from '../lib/ui.js';
import { useLoaded } from '../lib/use_loaded.js';
import { ProblemNotice } from './problem_notice.js';
import { Loading, Progress } from './progress.js';
import { SettingsCard } from './settings_form.js';

/** @typedef {import('../lib/session.js').User['usage']} Usage */

/** @param {{usage: Usage}} props */
export function SettingsUsage({ usage }) {
  const [isOpen, setOpen] = useState(false);
  const used = usage.used_bytes + usage.reserved_bytes;
  const onToggle = (/** @type {Event} */ event) => setOpen(/** @type {any} */ (event.currentTarget).open);
  const text = { used: bytes(used), limit: bytes(usage.limit_bytes), files: number(usage.file_count) };
  return html`<${SettingsCard} title=${t('settings.usage')}>
    <${Progress} fraction=${used / Math.max(1, usage.limit_bytes)} label=${t('settings.usage')} />
    <p class="note">${t('settings.usage_text', text)}</p>
    <details onToggle=${onToggle}>
      <summary>${t('settings.usage_folders')}</summary>
      ${isOpen && html`<${Folders} used=${used} />`}
    </details>
  <//>`;
}

/** @param {{used: number}} props */
function Folders({ used }) {
  const loaded = useLoaded((signal) => loadFolderUsage(signal), [used]);
  if (loaded.error !== null) return html`<${ProblemNotice} error=${loaded.error} onRetry=${loaded.reload} />`;
  if (loaded.value === null) return html`<${Loading} />`;
  const { folders, omitted, top, all } = loaded.value;
  return html`<ul class="item-rows" aria-label=${t('settings.usage_folders')} aria-busy=${loaded.loading}>
    ${folders.map(
      ({ id, name, size }) => html`<${Row} key=${id} used=${size.bytes} all=${used}>
        <a class="item-name" dir="auto" href=${folderUrl(id)}>${name}</a>
      <//>`,
    )}
    <${Row} used=${top} all=${used}><span class="item-name">${t(omitted ? 'settings.usage_others' : 'settings.usage_top')}</span><//>
    <${Row} used=${Math.max(0, used - all)} all=${used}><span class="item-name">${t('settings.usage_rest')}</span><//>
  </ul>`;
}

/** @param {{used: number, all: number, children?: unknown}} props */
function Row({ used, all, children }) {
  const percent = t('settings.usage_part', { percent: number(Math.round((100 * used) / Math.max(1, all))) });
  return html`<li class="item-row">
    <div class="item-main">${children}</div>
    <span class="item-note">${bytes(used)} · ${percent}</span>
  </li>`;
}
