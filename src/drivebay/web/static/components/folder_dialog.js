/** The dialog that chooses a folder to move or copy items to: browse, or search by name. A copy may go to another drive. */
import { createFolder } from '../lib/actions.js';
import { api } from '../lib/api.js';
import { otherPlaces, personalDrive } from '../lib/copy_places.js';
import { t } from '../lib/i18n.js';
import { session } from '../lib/session.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { Button, IconButton } from './button.js';
import { Dialog } from './dialog.js';
import { Failure } from './empty.js';
import { Field, formValues, Select } from './field.js';
import { Icon } from './icon.js';
import { Loading } from './progress.js';
import { toastError } from './toast.js';

/** @typedef {import('../lib/folder.js').Item} Item */

const PAGE = 1000;

/** @typedef {import('../lib/copy_places.js').Place} Place */

/**
 * `verb` names the texts of the dialog. `top` is the highest folder that the user can see in the drive of the items, or
 * null if the user may not change this drive. The dialog returns a folder and its drive.
 *
 * @param {{verb: 'move' | 'copy', items: Item[], drive: string | null, top: {id: string, name: string} | null,
 *   close: (target?: {id: string, name: string, drive: string | null}) => void}} props
 */
export function FolderDialog({ verb, items, drive: ownDrive, top, close }) {
  const own = top && { drive: ownDrive, top };
  const [places, setPlaces] = useState(/** @type {Place[]} */ ([own ?? personalDrive()]));
  const [chosen, setChosen] = useState(0);
  const { drive, top: first } = places[chosen];
  const [path, setPath] = useState([first]);
  const [query, setQuery] = useState('');
  const [isNaming, setNaming] = useState(false);
  const { folders, error } = useFolders({ parent: path[path.length - 1].id, query, drive, below: first.id });
  const here = path[path.length - 1];
  useEffect(() => {
    if (verb === 'move') return;
    otherPlaces({ drive: ownDrive, id: top?.id ?? 'root' }, session.value?.id)
      .then((others) => setPlaces(own ? [own, ...others] : others))
      .catch(toastError);
  }, []);
  const choose = (/** @type {{currentTarget: HTMLSelectElement}} */ { currentTarget }) => {
    const index = Number(currentTarget.value);
    setChosen(index);
    setPath([places[index].top]);
    setQuery('');
  };
  const refused = new Set(items.map(({ id }) => id));
  const enter = (/** @type {{id: string, name: string}} */ folder) => {
    setPath(query ? [path[0], folder] : [...path, folder]);
    setQuery('');
  };
  const create = async (/** @type {Event} */ event) => {
    const { folder } = formValues(event);
    try {
      enter(await createFolder(folder, here.id, drive));
      setNaming(false);
    } catch (problem) {
      toastError(problem);
    }
  };
  const title =
    items.length === 1 ? t(`${verb}.titleOne`, { name: items[0].name }) : t(`${verb}.title`, { count: items.length });
  return html`<${Dialog} title=${title} close=${close}>
    ${
      places.length > 1 &&
      html`<${Select} label=${t('copy.place')} name="copy-place" value=${String(chosen)} onChange=${choose}
        options=${places.map((place, index) => [String(index), placeName(place)])} />`
    }
    <${Field} label=${t('move.search')} name="move-search" type="search" value=${query} onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ event) => setQuery(event.currentTarget.value)} />
    <div class="move-path">
      ${path.length > 1 && html`<${IconButton} icon="left" label=${t('move.up')} onClick=${() => setPath(path.slice(0, -1))} />`}
      <strong>${here.name}</strong>
    </div>
    <ul class="move-list" aria-label=${t('move.folders')}>
      ${error ? html`<li><${Failure} error=${error} /></li>` : folders === null ? html`<li><${Loading} /></li>` : null}
      ${folders?.length === 0 && html`<li class="muted move-none">${t('move.none')}</li>`}
      ${folders?.map(
        (folder) => html`<li key=${folder.id}>
        <button type="button" class="menu-item" disabled=${refused.has(folder.id)} onClick=${() => enter(folder)}><${Icon} name="folder" /><span>${folder.name}</span></button>
      </li>`,
      )}
    </ul>
    ${
      isNaming
        ? html`<form class="move-new" onSubmit=${create}><${Field} label=${t('files.newFolderName')} name="folder" required autofocus /><${Button} type="submit">${t('files.create')}<//></form>`
        : html`<${Button} icon="plus" onClick=${() => setNaming(true)}>${t('files.newFolder')}<//>`
    }
    <div class="dialog-buttons">
      <${Button} onClick=${() => close()}>${t('common.cancel')}<//>
      <${Button} kind="primary" onClick=${() => close({ ...here, drive })}>${t(`${verb}.submit`)}<//>
    </div>
  <//>`;
}

/** @param {import('../lib/copy_places.js').Place} place */
function placeName({ top, sharedBy }) {
  return sharedBy ? `${top.name} (${sharedBy})` : top.name;
}

/** @param {{parent: string, query: string, drive: string | null, below: string}} wanted `below`: the folder that a search is limited to */
function useFolders({ parent, query, drive, below }) {
  const [state, setState] = useState(
    /** @type {{source: string, folders: Item[] | null, error: unknown}} */ ({
      source: '',
      folders: null,
      error: null,
    }),
  );
  const source = `${drive} ${below}`;
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const response = query
      ? api('GET', '/v1/search', { query: { q: query, kind: 'folder', drive_id: drive, parent_id: below }, signal })
      : api('GET', '/v1/files', { query: { parent_id: parent, drive_id: drive, sort: 'name', limit: PAGE }, signal });
    response
      .then((page) =>
        setState({
          source,
          folders: page.items.filter((/** @type {Item} */ item) => item.kind === 'folder'),
          error: null,
        }),
      )
      .catch((error) => signal.aborted || setState({ source, folders: null, error }));
    return () => controller.abort();
  }, [parent, query, drive, below]);
  // Do not show the folders of the previous drive after another drive is chosen.
  return state.source === source ? state : { folders: null, error: null };
}
