import { Html } from '#platform/base/html'

const svg = (paths: string): Html =>
  new Html(`<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${paths}</svg>`)

/** Line icons in the colour of the surrounding text. They are decorative: adjacent text always says the same. */
export const icons = {
  phone: svg('<rect x="7" y="2.5" width="10" height="19" rx="2.5"/><path d="M11 18.5h2"/>'),
  card: svg('<rect x="2.5" y="5" width="19" height="14" rx="2.5"/><path d="M2.5 10h19M6.5 15h4"/>'),
  coin: svg(
    '<circle cx="12" cy="12" r="9"/><path d="M9.5 16.5v-9h3.2a2.2 2.2 0 0 1 0 4.4H9.5m3.4 0a2.3 2.3 0 0 1 0 4.6H9.5m1.5-11v2m0 9v2"/>',
  ),
  bank: svg('<path d="M3 9.5 12 4l9 5.5z"/><path d="M5.5 12.5v5m4.3-5v5m4.4-5v5m4.3-5v5M3.5 20.5h17"/>'),
  tick: svg('<path d="m5 12.5 4.5 4.5L19 7.5"/>'),
  clock: svg('<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3 2"/>'),
  cross: svg('<path d="m6.5 6.5 11 11m0-11-11 11"/>'),
  back: svg('<path d="M9 6 4 11l5 5"/><path d="M4.5 11H14a5.5 5.5 0 0 1 0 11h-2"/>'),
  alert: svg('<path d="M12 3.5 2.5 20h19z"/><path d="M12 10v4.5m0 2.6v.1"/>'),
  info: svg('<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5m0-9v.1"/>'),
  lock: svg('<rect x="5" y="11" width="14" height="9.5" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>'),
  search: svg('<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>'),
} as const
