/** Messages with an undo action. They are removed when the action was undone elsewhere or cannot be undone any more. */
import { toast, toastError } from '../components/toast.js';
import { t } from './i18n.js';

/**
 * @typedef {'trash' | 'place'} What whether items were trashed or moved
 * @typedef {{what: What, drive: string | null, left: Set<string>, close: () => void}} Offer
 */

/** The same as the number of messages that are shown. */
const MAX_OFFERS = 3;
/** The changes after which the action can no longer be undone for an item. */
const ENDS = { trash: ['restored', 'deleted'], place: ['trashed', 'deleted'] };

/** @type {Offer[]} */
let offers = [];

/**
 * Show a message about an action on items, with a button that undoes it.
 *
 * @param {string} text
 * @param {{what: What, drive: string | null, ids: string[], undo: (ids: string[]) => Promise<void>}} options `undo` gets
 *   the ids for which the action can still be undone
 */
export function offerUndo(text, { what, drive, ids, undo }) {
  const left = new Set(ids);
  const run = () => {
    offers = offers.filter((each) => each !== offer);
    void undo([...left]).catch(toastError);
  };
  const offer = { what, drive, left, close: toast(text, { action: { text: t('common.undo'), run } }) };
  offers = [...offers.slice(1 - MAX_OFFERS), offer];
}

/**
 * Remove items that were changed elsewhere from the messages.
 *
 * @param {{what: string, file_id: string, file: {trashed_at: string | null} | null}[]} changes
 */
export function noteChanges(changes) {
  for (const offer of offers) {
    for (const { what, file_id, file } of changes) {
      // `file` is the item as it is now, which may differ from its state after the change.
      const isNow = file === null || (file.trashed_at !== null) === (what === 'trashed');
      if (isNow && ENDS[offer.what].includes(what)) offer.left.delete(file_id);
    }
  }
  end(({ left }) => !left.size);
}

/** Remove the messages about trashed items of a drive. @param {string | null} drive */
export function noteEmptyTrash(drive) {
  end((offer) => offer.what === 'trash' && offer.drive === drive);
}

/** @param {(offer: Offer) => boolean} isOver */
function end(isOver) {
  for (const offer of offers) if (isOver(offer)) offer.close();
  offers = offers.filter((offer) => !isOver(offer));
}
