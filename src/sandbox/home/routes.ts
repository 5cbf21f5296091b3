import { z } from 'zod'
import type { Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { HttpServer, Request } from '#platform/web/http'
import { explainInvalidMobile, parseMobile, MAX_PHONE_LENGTH } from '#platform/base/phone'
import type { Gate } from '../access.ts'
import { BITCOIN_CONTROLS } from '../bitcoin/routes.ts'
import type { PhoneAction, Prompts } from '../phone/prompts.ts'
import { listDecided, type Prompt } from '../phone/store.ts'
import { PRICE_CONTROLS } from '../prices/controls.ts'
import { faultControls } from '../faults/controls.ts'
import { FAULTY, SIMULATORS } from '../simulators.ts'
import type { Assets } from '../page/assets.ts'
import { livePart, type PhoneView } from './phone.ts'
import { sandboxPage } from './view.ts'

export interface PageDeps {
  db: Db
  clock: Clock
  prompts: Prompts
  gate: Gate
  demoUrl: () => string | undefined
}

const querystring = z.object({ phone: z.string().max(MAX_PHONE_LENGTH).optional() })
const params = z.object({
  phone: z.string().max(MAX_PHONE_LENGTH),
  action: z.enum(['approve', 'decline', 'ignore', 'callback']),
})
const body = z.object({ prompt: z.string().max(80).optional() }).nullish()

const CONTROLS = {
  'GET /sandbox/phone/{msisdn}': 'lists the prompts that wait on this phone',
  'POST /sandbox/phone/{msisdn}/approve': 'approves the newest prompt, or the one named by {"prompt":"ws_CO_…"}',
  'POST /sandbox/phone/{msisdn}/decline': 'cancels it (1032)',
  'POST /sandbox/phone/{msisdn}/ignore': 'hides the prompt, which times out later (1037)',
  'POST /sandbox/phone/{msisdn}/callback': 'sends the callback of the last decided prompt, again or for the first time',
  'POST /sandbox/{provider}/endpoints': `{"url"}: registers another URL for the provider's events (${SIMULATORS.map(({ name }) => name).join(', ')})`,
  ...Object.fromEntries(SIMULATORS.flatMap(({ controls = {} }) => Object.entries(controls))),
  ...faultControls(FAULTY),
  ...BITCOIN_CONTROLS,
  ...PRICE_CONTROLS,
}

/** Serves the page /sandbox, and JSON controls for tests. */
export function addPageRoutes(app: HttpServer, deps: PageDeps, assets: Assets): void {
  const { prompts, gate } = deps
  const page = { config: { page: true }, onRequest: gate, schema: { hide: true, querystring } }

  app.get('/sandbox', page, async (request, reply) => {
    const requested = request.query.phone?.trim()
    const phone = requested ? parseMobile(requested, 'KE') : undefined
    const view = await loadPhoneView(deps, phone)
    const wrongPhone = Boolean(requested) && phone === undefined
    const html = sandboxPage(assets, { ...view, wrongPhone, demoUrl: deps.demoUrl() })
    return reply.type('text/html; charset=utf-8').send(html)
  })

  app.get('/sandbox/live', page, async (request, reply) => {
    const view = await loadPhoneView(deps, parseMobile(request.query.phone ?? '', 'KE'))
    const answer = reply.header('x-phone', view.phone ?? '').type('text/html; charset=utf-8')
    return answer.send(livePart(view).text)
  })

  app.get('/sandbox/controls', { onRequest: gate, schema: { hide: true } }, () => CONTROLS)

  const show = { onRequest: gate, schema: { hide: true, params: params.pick({ phone: true }) } }
  app.get('/sandbox/phone/:phone', show, async (request, reply) => {
    const phone = requirePhone(request.params.phone)
    return reply.send({ phone, prompts: (await prompts.listWaiting(phone)).map(render) })
  })

  const act = { config: { form: true }, onRequest: gate, schema: { hide: true, params, body } }
  app.post('/sandbox/phone/:phone/:action', act, async (request, reply) => {
    const { action } = request.params
    const phone = requirePhone(request.params.phone)
    const prompt = await prompts.act(phone, action, request.body?.prompt)
    if (isForm(request)) return reply.redirect(`/sandbox?phone=${phone}`, 303)
    if (!prompt) throw new AppError('sandbox.no-prompt', 404, describeNoPrompt(action, phone))
    return reply.send({ phone, action, prompt: render(prompt) })
  })
}

/** Loads the requested phone, else the phone of the newest prompt. */
async function loadPhoneView({ db, clock, prompts }: PageDeps, requested: string | undefined): Promise<PhoneView> {
  const waiting = await prompts.listWaiting()
  const phone = requested ?? waiting[0]?.phone
  const [last] = phone === undefined ? [] : await listDecided(db, phone, 1)
  return { phone, waiting, last, now: clock.now(), titleOf: prompts.title }
}

function requirePhone(text: string): string {
  const phone = parseMobile(text, 'KE')
  if (phone === undefined)
    throw new AppError('sandbox.no-phone', 422, `The phone number ${explainInvalidMobile('KE')}`, {
      param: 'phone',
    })
  return phone
}

const describeNoPrompt = (action: PhoneAction, phone: string): string =>
  action === 'callback' ? `Phone ${phone} has decided on no prompt yet.` : `No prompt waits on phone ${phone}.`

const isForm = (request: Request): boolean =>
  request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true

const render = (prompt: Prompt): object => ({
  id: prompt.id,
  network: prompt.network,
  account_reference: prompt.accountReference,
  description: prompt.description,
  amount: prompt.askedShillings.toString(),
  created_at: prompt.createdAt,
  ends_at: prompt.endsAt,
  ignored: prompt.ignored,
  result_code: prompt.resultCode,
  receipt_number: prompt.receiptNumber,
})
