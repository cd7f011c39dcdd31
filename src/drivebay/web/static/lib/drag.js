/** Dragging items between folders, and dropping files of the desktop. */
const TYPE = 'application/x-drivebay-items';

/** The items that are dragged now. Browsers show the data of a drag only at its end. @type {import('./folder.js').Item[]} */
let dragged = [];

/**
 * Return the handlers of an item that can be dragged.
 *
 * @param {() => import('./folder.js').Item[]} items returns the items that are dragged
 */
export function dragHandlers(items) {
  return {
    draggable: true,
    onDragStart: (/** @type {DragEvent} */ event) => {
      dragged = items();
      event.dataTransfer?.setData(TYPE, '');
      if (event.dataTransfer) event.dataTransfer.effectAllowed = 'move';
    },
    onDragEnd: () => (dragged = []),
  };
}

/**
 * Return the handlers of an element on which items, files, or both can be dropped.
 *
 * @param {{onItems?: (items: import('./folder.js').Item[]) => void, onFiles?: (data: DataTransfer) => void,
 *   accepts?: (items: import('./folder.js').Item[]) => boolean}} options
 */
export function dropHandlers({ onItems, onFiles, accepts = () => true }) {
  const takes = (/** @type {DragEvent} */ event) => {
    const types = event.dataTransfer?.types ?? [];
    if (types.includes('Files')) return onFiles !== undefined;
    return onItems !== undefined && types.includes(TYPE) && accepts(dragged);
  };
  const mark = (/** @type {DragEvent} */ event, /** @type {boolean} */ isOver) => {
    /** @type {HTMLElement} */ (event.currentTarget).classList.toggle('drop-target', isOver);
  };
  return {
    onDragOver: (/** @type {DragEvent} */ event) => {
      if (!takes(event)) return;
      event.preventDefault();
      event.stopPropagation();
      mark(event, true);
    },
    onDragLeave: (/** @type {DragEvent} */ event) => mark(event, false),
    onDrop: (/** @type {DragEvent} */ event) => {
      mark(event, false);
      if (!takes(event) || !event.dataTransfer) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.dataTransfer.types.includes('Files')) onFiles?.(event.dataTransfer);
      else onItems?.(dragged);
    },
  };
}

/** Refuse files that are dropped beside a target: the browser would leave the app and open them. */
export function refuseOtherFiles() {
  const refuse = (/** @type {DragEvent} */ event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'none';
  };
  document.addEventListener('dragover', refuse);
  document.addEventListener('drop', refuse);
}
