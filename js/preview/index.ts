/** Defines `<attachments-preview>` where there are custom elements; elsewhere importing this does nothing. */

import { AttachmentsPreview } from './element.js'

// Two copies of the package may meet on one page: the first one stays.
if (typeof customElements !== 'undefined' && !customElements.get('attachments-preview')) {
  customElements.define('attachments-preview', AttachmentsPreview)
}

export { AttachmentsPreview }
