import { formatAmount } from '#money'
import { html, type Html } from '#platform/base/html'
import type { Assets } from '../page/assets.ts'
import { document } from '../page/document.ts'
import { PAYER_SCRIPT, tipOf, type Chain } from './chain.ts'
import { addressOf } from './transactions.ts'

const MAX_ROWS = 8

/** Renders the payer's wallet and the miner. */
export function bitcoinPage(assets: Assets, chain: Chain, uri = ''): string {
  const tip = tipOf(chain)
  const body = html`<header class="top">
      <h1>Bitcoin</h1>
      <p>A private chain at height ${String(tip.height)}. Pay the address of a checkout, then mine a block.</p>
      <p><a class="button" href="/sandbox">Phone and cards</a></p>
    </header>
    <main>
      <section aria-labelledby="pay-title">
        <h2 id="pay-title">Pay</h2>
        <form class="stack" method="post" action="/sandbox/bitcoin/pay">
          <label for="address">Address, or the payment link (bitcoin:…)</label>
          <input
            id="address"
            name="address"
            value="${uri}"
            required
            autocomplete="off"
            spellcheck="false"
            placeholder="bcrt1q…"
          />
          <label for="amount">Amount in BTC (not needed with a payment link)</label>
          <input id="amount" name="amount" inputmode="decimal" autocomplete="off" placeholder="0.0015" />
          <button class="approve">Pay</button>
        </form>
        <h2 id="mine-title">Mine</h2>
        <p class="soft">A block confirms all waiting payments.</p>
        <form method="post" action="/sandbox/bitcoin/mine" aria-labelledby="mine-title">
          <button name="blocks" value="1">1 block</button>
          <button name="blocks" value="6">6 blocks</button>
        </form>
      </section>
      <section aria-labelledby="waiting-title">
        <h2 id="waiting-title">Waiting payments</h2>
        ${renderMempool(chain)}
      </section>
      <section aria-labelledby="blocks-title">
        <h2 id="blocks-title">Last blocks</h2>
        <ul class="list">
          ${chain.blocks
            .slice(-MAX_ROWS)
            .toReversed()
            .map(
              ({ height, hash, txids }) =>
                html`<li>
                  <code>${String(height)}</code
                  ><span>${hash.slice(0, 16)}…, ${formatPaymentCount(txids.length - 1)}</span>
                </li>`,
            )}
        </ul>
        <form method="post" action="/sandbox/bitcoin/reorg">
          <button>Replace the last block with two others</button>
        </form>
      </section>
    </main>`
  return document(assets, { title: 'Bitcoin', body })
}

const formatPaymentCount = (count: number): string =>
  count <= 0 ? 'empty' : count === 1 ? '1 payment' : `${count} payments`

function renderMempool(chain: Chain): Html {
  if (chain.mempool.length === 0) return html`<p class="soft">None.</p>`
  return html`<ul class="list">
    ${chain.mempool
      .slice(-MAX_ROWS)
      .toReversed()
      .map((txid) => {
        const paid = (chain.txs[txid]?.outputs ?? []).filter(({ script }) => script !== PAYER_SCRIPT)
        return html`<li>
          <code>${txid.slice(0, 12)}…</code>
          <span>
            ${paid.map(({ sats, script }) => html`${formatAmount({ asset: 'BTC/8', amount: sats })} BTC to ${addressOf(script) ?? 'a script'} `)}
          </span>
          <form method="post" action="/sandbox/bitcoin/replace">
            <input type="hidden" name="txid" value="${txid}" />
            <button name="how" value="drop" aria-label="Take back ${txid.slice(0, 12)}">Take back</button>
          </form>
        </li>`
      })}
  </ul>`
}
