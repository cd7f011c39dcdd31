/** The preview of one file by its URL. Closing it leads to the folder of the file. */
import { Failure } from '../components/empty.js';
import { PageHeader } from '../components/page.js';
import { Preview } from '../components/preview.js';
import { Loading } from '../components/progress.js';
import { api } from '../lib/api.js';
import { folderPath } from '../lib/open_item.js';
import { navigate } from '../lib/router.js';
import { session } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { useLoaded } from '../lib/use_loaded.js';

/** @param {{params: Record<string, string>, query: URLSearchParams}} props */
export default function PreviewPage({ params, query }) {
  const drive = query.get('drive_id');
  const path = `/v1/files/${encodeURIComponent(params.id)}`;
  const loaded = useLoaded((signal) => api('GET', path, { query: { drive_id: drive }, signal }), [params.id, drive]);
  const file = loaded.value;
  if (loaded.error !== null) return html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`;
  if (file === null) return html`<${Loading} />`;
  const close = () => {
    // An item that is shared without its folder has no parent. It was opened from the list of shared items.
    if (file.parent_id === null) navigate('/shared');
    else navigate(folderPath({ id: file.parent_id, drive_id: file.drive_id }, session.value?.id));
  };
  return html`<${PageHeader} title=${file.name} hidden /><${Preview} file=${file} files=${[file]} close=${close} />`;
}
