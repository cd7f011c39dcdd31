/** The items of one folder: pages of the listing, kept up to date by the changes of the drive. */
import { ApiError, api } from './api.js';
import { followChanges } from './changes.js';
import { loadAccess, OWN_DRIVE } from './drive_access.js';
import { t } from './i18n.js';
import { computed, signal } from './ui.js';

/**
 * @typedef {object} Item a file or a folder of the API
 * @property {string} id
 * @property {string} drive_id
 * @property {'file' | 'folder'} kind
 * @property {string} name
 * @property {string | null} parent_id
 * @property {number} size
 * @property {string} content_type
 * @property {string | null} sha256
 * @property {string} etag
 * @property {boolean} starred
 * @property {Record<string, string>} properties
 * @property {string} created_at
 * @property {string} modified_at
 * @property {string | null} trashed_at
 * @property {string} [purge_after]
 * @property {string} [role]
 *
 * @typedef {{items: Item[], isComplete: boolean, isLoading: boolean, error: unknown}} Listing
 */

const FIRST_PAGE = 200;
const PAGE = 1000;

/** Compares two items as the API does with this sort. @type {Record<string, (a: Item, b: Item) => number>} */
const COMPARE = {
  name: (a, b) => compare(a.name, b.name),
  modified: (a, b) => compare(a.modified_at, b.modified_at),
  created: (a, b) => compare(a.created_at, b.created_at),
  size: (a, b) => a.size - b.size,
};

/** One folder as a view shows it. Call `open` once, and `close` when the view goes. */
export class Folder {
  /**
   * @param {string} id of the folder, or `root`
   * @param {string | null} drive id of its drive, null for the personal one
   * @param {string} sort such as `-modified`
   */
  constructor(id, drive, sort) {
    this.id = id;
    this.drive = drive;
    this.sort = sort;
    /** @type {import('./ui.js').Signal<Listing>} */
    this.listing = signal({ items: [], isComplete: false, isLoading: true, error: null });
    /** The folders from the top down to this one, without the root. @type {import('./ui.js').Signal<Item[]>} */
    this.path = signal([]);
    /** Whether this folder, or one above it, is in the trash. */
    this.isGone = signal(false);
    /** What the user may do here, null until it is known. */
    this.access = signal(
      drive === null ? OWN_DRIVE : /** @type {import('./drive_access.js').DriveAccess | null} */ (null),
    );
    /** The highest folder of the drive that the user sees. Its name is '' until it is known. */
    this.top = computed(() => {
      const access = this.access.value;
      const [first] = this.path.value;
      if (access !== null && !access.isWhole && first) return { id: first.id, name: first.name };
      return { id: 'root', name: access === null ? '' : (access.name ?? t('nav.files')) };
    });
    /** Whether the user may change the items of this folder. */
    this.canEdit = computed(() => this.access.value !== null && this.access.value.role !== 'viewer');
    /** Whether a change feed reports the changes of other users. */
    this.isLive = false;
    /** The request that runs, or ran last. @type {Promise<void>} */
    this.loading = Promise.resolve();
    /** The request that failed last, which `retry` runs again. */
    this.failed = async () => {};
    /** Counts how often the folder was listed from its beginning: a page of an earlier list is dropped. */
    this.round = 0;
    /** @type {string | null} */
    this.cursor = null;
    this.stop = () => {};
    this.isClosed = false;
  }

  /** Load the first page and the path, and follow changes. Items that are shown stay until then. */
  open() {
    return this.#load(async () => {
      this.stop();
      this.cursor = null;
      this.round += 1;
      const { round } = this;
      const [page, path] = await Promise.all([this.#fetch(FIRST_PAGE), this.#fetchPath()]);
      if (this.isClosed || round !== this.round) return;
      this.path.value = path;
      this.isGone.value = false;
      this.cursor = page.next_cursor;
      this.#set({ items: page.items, isComplete: !page.next_cursor, isLoading: false });
      void this.#loadAccess();
      this.isLive = Boolean(page.changes_cursor);
      if (this.isLive) this.#follow(page.changes_cursor);
    });
  }

  /** List again if no change feed reports the changes, as in a folder that is shared without its drive. */
  async refresh() {
    if (!this.isLive && !this.isClosed) await this.open();
  }

  close() {
    this.isClosed = true;
    this.stop();
  }

  /** Load one more page. A no-op during another request, after the last page and after a failure. */
  async loadMore() {
    const { isLoading, isComplete, error } = this.listing.value;
    if (!isLoading && !isComplete && error === null) await this.#loadPage();
  }

  /** Run the request that failed again. */
  retry() {
    return this.#load(this.failed);
  }

  /** Load all pages, after the request that runs. It ends early if a page cannot be loaded. */
  async loadAll() {
    await this.loading;
    if (this.listing.value.error !== null) await this.retry();
    while (!this.listing.value.isComplete && this.listing.value.error === null && !this.isClosed) {
      await this.#loadPage();
    }
  }

  #loadPage() {
    return this.#load(async () => {
      const { round } = this;
      const page = await this.#fetch(PAGE);
      if (round !== this.round) return;
      this.cursor = page.next_cursor;
      // A change may have added an item of this page already.
      const known = new Set(this.listing.value.items.map(({ id }) => id));
      const added = page.items.filter((/** @type {Item} */ item) => !known.has(item.id));
      const items = [...this.listing.value.items, ...added];
      this.#set({ items, isComplete: !page.next_cursor, isLoading: false });
    });
  }

  /**
   * Run a request for the listing. Its failure is in the listing, unless a later request runs.
   *
   * @param {() => Promise<void>} run
   */
  #load(run) {
    this.#set({ isLoading: true, error: null });
    const loading = run()
      .catch((error) => {
        if (this.loading !== loading) return;
        this.failed = run;
        this.#set({ error, isLoading: false });
      })
      .then(() => {
        if (this.loading === loading) this.#set({ isLoading: false });
      });
    this.loading = loading;
    return loading;
  }

  async #loadAccess() {
    try {
      const access = await loadAccess(this.drive, async () => this.path.value);
      if (!this.isClosed) this.access.value = access;
    } catch {
      // If the role cannot be loaded, all actions are shown, and the API refuses those that are not allowed.
      if (!this.isClosed) this.access.value ??= { name: t('files.drive'), role: 'editor', isWhole: true };
    }
  }

  /** @param {string} cursor */
  #follow(cursor) {
    const apply = (/** @type {import('./changes.js').Change[]} */ all) => this.apply(all);
    this.stop = followChanges(this.drive, cursor, apply, () => void this.open());
  }

  /** @returns {Promise<Item[]>} */
  async #fetchPath() {
    if (this.id === 'root') return [];
    const query = { drive_id: this.drive };
    return (await api('GET', `/v1/files/${encodeURIComponent(this.id)}/path`, { query })).items;
  }

  /** Load the path again after a change of a folder above. A 404 means that the folder is in the trash or deleted. */
  async #loadPath() {
    try {
      this.path.value = await this.#fetchPath();
      // A folder that was in the trash lists its items again.
      if (this.isGone.value) await this.open();
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.isGone.value = true;
    }
  }

  /**
   * Apply changes to the listing: those of the feed, and those of this tab before they are in the feed.
   *
   * @param {import('./changes.js').Change[]} changes
   */
  apply(changes) {
    const byId = new Map(changes.map((change) => [change.file_id, change.file]));
    const items = this.listing.value.items.filter(({ id }) => !byId.has(id));
    const added = [...byId.values()].filter((file) => file !== null && this.#isHere(file));
    this.#set({ items: this.#merge(items, /** @type {Item[]} */ (added)) });
    const isAbove = this.path.value.some(({ id }) => byId.has(id));
    if (!isAbove) return;
    const own = byId.get(this.id);
    if (byId.has(this.id) && (!own || own.trashed_at)) this.isGone.value = true;
    else void this.#loadPath();
  }

  /** Show an item that this tab has changed. @param {Item} item */
  put(item) {
    this.apply([{ what: 'renamed', file: item, file_id: item.id, at: '', actor_id: null }]);
  }

  /** Hide items that this tab has trashed or moved. @param {string[]} ids */
  remove(ids) {
    this.apply(ids.map((id) => ({ what: 'deleted', file: null, file_id: id, at: '', actor_id: null })));
  }

  /** @param {Item} file */
  #isHere(file) {
    return !file.trashed_at && (file.parent_id ?? 'root') === this.id;
  }

  /**
   * @param {Item[]} items
   * @param {Item[]} added
   */
  #merge(items, added) {
    const { isComplete } = this.listing.value;
    for (const item of added) {
      const index = this.#position(items, item);
      // An item after the last loaded one comes with its page.
      if (index < items.length || isComplete) items.splice(index, 0, item);
    }
    return items;
  }

  /**
   * @param {Item[]} items
   * @param {Item} item
   */
  #position(items, item) {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareItems(this.sort, items[middle], item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} limit */
  #fetch(limit) {
    const query = { parent_id: this.id, drive_id: this.drive, sort: this.sort, limit, cursor: this.cursor };
    return api('GET', '/v1/files', { query });
  }

  /** @param {Partial<Listing>} values */
  #set(values) {
    if (!this.isClosed) this.listing.value = { ...this.listing.value, ...values };
  }
}

/**
 * @param {string} sort such as `-modified`
 * @param {Item} a
 * @param {Item} b
 * @returns {number} negative if `a` comes first
 */
export function compareItems(sort, a, b) {
  const isDescending = sort.startsWith('-');
  const order = COMPARE[sort.replace('-', '')](a, b) || compare(a.id, b.id);
  return isDescending ? -order : order;
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
