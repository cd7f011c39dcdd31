/** The files of one drop. They share the new folders, and the choice of the user for names that are taken. */
import { ApiError, api } from '../api.js';

export class Batch {
  /**
   * @param {import('./upload.js').Target} target
   * @param {(name: string, count: number) => Promise<'replace' | 'rename' | 'skip'>} ask asks about names that are taken
   */
  constructor(target, ask) {
    this.target = target;
    this.ask = ask;
    this.count = 0;
    /** @type {Promise<'replace' | 'rename' | 'skip'> | null} */
    this.decision = null;
    /** @type {Map<string, Promise<string>>} */
    this.folders = new Map();
  }

  /**
   * Return the rule for names that are taken. The first call asks the user, and the choice applies to all files. After a failure, the next call asks.
   *
   * @param {string} name of the first such file
   */
  decide(name) {
    this.decision ??= this.ask(name, this.count).catch((error) => {
      this.decision = null;
      throw error;
    });
    return this.decision;
  }

  /**
   * Return the id of a folder below the target. Missing folders are created, each once.
   *
   * @param {string[]} names from the target down
   * @returns {Promise<string>}
   */
  folder(names) {
    if (!names.length) return Promise.resolve(this.target.id);
    const key = names.join('/');
    const known = this.folders.get(key);
    if (known) return known;
    const made = this.folder(names.slice(0, -1)).then((parent) => this.#create(parent, names[names.length - 1]));
    this.folders.set(key, made);
    made.catch(() => this.folders.delete(key));
    return made;
  }

  /**
   * @param {string} parent
   * @param {string} name
   */
  async #create(parent, name) {
    const query = { drive_id: this.target.drive };
    try {
      return (await api('POST', '/v1/folders', { body: { name, parent_id: parent }, query })).id;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'name_taken') throw error;
      const found = await api('GET', '/v1/files', { query: { ...query, parent_id: parent, name } });
      const folder = found.items.find((/** @type {{kind: string}} */ item) => item.kind === 'folder');
      if (!folder) throw error;
      return folder.id;
    }
  }
}
