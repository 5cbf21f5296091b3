import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SCOPES } from '#identity'
import { openWorld } from '../world.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

interface Operation {
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { schema: { $ref?: string }; example?: object }> }
}

/** Yields a copy of a JSON value for each text in it, with that text replaced by one that PostgreSQL cannot store. */
function* withNullCharacters(value: unknown): Generator {
  if (typeof value === 'string') yield `a\0${value}`
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value))
    for (const bad of withNullCharacters(inner)) yield Array.isArray(value) ? [bad] : { ...value, [name]: bad }
}

void test('a null character is refused in every field', async () => {
  const { db, identity } = world.app
  const actor = { type: 'system', id: 'test' } as const
  const input = { merchantId: world.merchantId, name: 'all', scopes: SCOPES }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, actor))
  const headers = { authorization: `Bearer ${secret}` }
  const document: any = await (await fetch(`${world.url}/openapi.json`)).json()
  const resolved = (schema: { $ref?: string }): any =>
    schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? '']
  let asked = 0
  const ask = async (method: string, path: string, body?: unknown): Promise<void> => {
    asked++
    const { status, body: answer } = await world.api(method, path, body, headers)
    const about = `${method} ${path} ${JSON.stringify(body)}: ${status} ${JSON.stringify(answer)}`
    assert.ok(status === 404 || status === 422, about)
    assert.doesNotMatch(answer.error.message, /cannot be kept/, `refused by the route, not by the database: ${about}`)
  }
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [name, { parameters = [], requestBody }] of Object.entries(methods)) {
      const method = name.toUpperCase()
      const content = requestBody?.content['application/json']
      const body = content && (content.example ?? resolved(content.schema).examples?.[0])
      for (const parameter of parameters.filter((each) => each.in !== 'header')) {
        const inPath = path.replaceAll(/\{(\w+)\}/g, (_, each) => (each === parameter.name ? '%00' : 'none'))
        await ask(method, parameter.in === 'path' ? inPath : `${inPath}?${parameter.name}=%00`, body)
      }
      for (const bad of withNullCharacters(body)) await ask(method, path.replaceAll(/\{\w+\}/g, 'none'), bad)
      for (const [field, { type }] of Object.entries<any>(content ? (resolved(content.schema).properties ?? {}) : {}))
        if (type === 'string') await ask(method, path.replaceAll(/\{\w+\}/g, 'none'), { ...body, [field]: 'a\0' })
    }
  }
  assert.ok(asked > 80, String(asked))
  assert.deepEqual(
    world.log.entries.filter(({ level }) => level === 'error'),
    [],
  )
})
