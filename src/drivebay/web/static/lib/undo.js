/** Offers of undo, as messages. An offer ends when somebody has undone it elsewhere, or when it cannot be undone any more. */
import { toast, toastError } from '../components/toast.js';
import { t } from './i18n.js';

/**
 * @typedef {'trash' | 'place'} What an item came into the trash, or to another place
 * @typedef {{what: What, drive: string | null, left: Set<string>, close: () => void}} Offer
 */

/** As many as there are messages. */
const MAX_OFFERS = 3;
/** The changes after which an item needs no undo. */
const ENDS = { trash: ['restored', 'deleted'], place: ['trashed', 'deleted'] };

/** @type {Offer[]} */
let offers = [];

/**
 * Show what was done with items, with the action that undoes it.
 *
 * @param {string} text
 * @param {{what: What, drive: string | null, ids: string[], undo: (ids: string[]) => Promise<void>}} options `undo` gets
 *   the ids that still need it
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
 * End the offers for items that were changed elsewhere.
 *
 * @param {{what: string, file_id: string, file: {trashed_at: string | null} | null}[]} changes
 */
export function noteChanges(changes) {
  for (const offer of offers) {
    for (const { what, file_id, file } of changes) {
      // A change that comes late says how the item is now.
      const isNow = file === null || (file.trashed_at !== null) === (what === 'trashed');
      if (isNow && ENDS[offer.what].includes(what)) offer.left.delete(file_id);
    }
  }
  end(({ left }) => !left.size);
}

/** End the offers for what was in the trash of a drive. @param {string | null} drive */
export function noteEmptyTrash(drive) {
  end((offer) => offer.what === 'trash' && offer.drive === drive);
}

/** @param {(offer: Offer) => boolean} isOver */
function end(isOver) {
  for (const offer of offers) if (isOver(offer)) offer.close();
  offers = offers.filter((offer) => !isOver(offer));
}
