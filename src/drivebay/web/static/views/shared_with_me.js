/** The view "Shared with me": items that others share with the user, the most recently shared first. */

import { Empty } from '../components/empty.js';
import { ItemRow } from '../components/item_row.js';
import { MoreRows } from '../components/more_rows.js';
import { PageHeader } from '../components/page.js';
import { ProblemNotice } from '../components/problem_notice.js';
import { date } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { usePages } from '../lib/use_pages.js';

export default function SharedWithMe() {
  const list = usePages('/v1/shared-with-me');
  const isEmpty = !list.loading && list.error === null && list.items.length === 0 && !list.hasMore;
  return html`<${PageHeader} title=${t('shared.title')} />
    ${list.error !== null && html`<${ProblemNotice} error=${list.error} onRetry=${list.retry} />`}
    ${isEmpty && html`<${Empty} icon="people" title=${t('shared.empty_title')} text=${t('shared.empty_text')} />`}
    <ul class="item-rows" aria-label=${t('shared.title')} aria-busy=${list.loading}>
      ${list.items.map(
        (/** @type {any} */ item) =>
          html`<${ItemRow}
            key=${item.id}
            item=${item}
            siblings=${list.items}
            note=${`${t(`views.${item.role}`)} · ${date(item.shared_at)}`}
          />`,
      )}
    </ul>
    <${MoreRows} list=${list} />`;
}
