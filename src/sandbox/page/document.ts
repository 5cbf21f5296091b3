import { html, type Html } from '#platform/base/html'
import type { Assets } from './assets.ts'

/** Renders a sandbox page, with the label "no real money" that every page here carries. */
export function document(assets: Assets, { title, body, head }: { title: string; body: Html; head?: Html }): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · Purser sandbox</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${assets.style}" />
        ${head}
      </head>
      <body>
        <aside class="label" aria-label="Sandbox"><strong>Sandbox</strong> · no real money</aside>
        ${body}
      </body>
    </html>`.text
}

/** `KES 1,500` */
export const shillings = (amount: bigint): string => `KES ${amount.toString().replaceAll(/\B(?=(\d{3})+$)/g, ',')}`

/** Formats a phone number the Kenyan way: `0712 345 678`. */
export const formatPhone = (msisdn: string): string => msisdn.replace(/^254(\d{3})(\d{3})(\d{3})$/, '0$1 $2 $3')
