// The package as its users meet it: resolved, typed, without its addon, and in a page.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { folder, root } from './support.mjs'

/** A folder with the package installed in its node_modules. */
async function project(test) {
  const path = await folder(test)
  await mkdir(join(path, 'node_modules'))
  await symlink(root, join(path, 'node_modules/rusty-attachments'), 'junction')
  return path
}

for (const name of ['rusty-attachments', 'rusty-attachments/wasm', 'rusty-attachments/preview']) {
  test(`importing ${name} where there is no page does nothing harmful`, async (t) => {
    const path = await project(t)
    const script = `const before = Object.keys(globalThis).length
      await import('${name}')
      console.log(Object.keys(globalThis).length - before)`
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { cwd: path },
    )
    assert.deepEqual([stdout, stderr], ['0\n', ''])
  })
}

test('CommonJS can resolve it', () => {
  const { resolve } = createRequire(join(root, 'package.json'))
  assert.equal(resolve('rusty-attachments'), join(root, 'dist/index.js'))
  assert.equal(resolve('rusty-attachments/wasm'), join(root, 'dist/wasm-node.js'))
})

const program = `
import {
  AttachmentsError, type DownloadResult, downloadJobOutputs, type Manifest, decodeManifest, PathMappingApplier,
} from 'rusty-attachments'
import { init } from 'rusty-attachments/wasm'

await init()
const manifest: Manifest = decodeManifest('{}')
const hash: string | undefined = manifest.files(0, 10)[0]?.hash
const local: string | null = new PathMappingApplier([], 'posix').transform('a')
const result: DownloadResult = await downloadJobOutputs({
  s3: { bucket: 'b', rootPrefix: 'p', credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 's' }) },
  farmId: 'farm-1', queueId: 'queue-1', jobId: 'job-1', signal: AbortSignal.timeout(1000),
  onProgress: ({ filesDone }) => { const n: number = filesDone; n.toFixed() },
})
try { manifest.free() } catch (error) {
  if (error instanceof AttachmentsError && error.code === 'NOT_FOUND') throw error
}
// @ts-expect-error: not an option
void downloadJobOutputs({ conflictresolution: 'skip' })
// @ts-expect-error: handles come from functions
new (manifest.constructor as typeof import('rusty-attachments').Manifest)()
export { hash, local, result }
`

/** Compiles `program` in a project that has the package installed. */
async function compile(test, program, options) {
  const path = await project(test)
  await writeFile(join(path, 'package.json'), '{ "type": "module" }')
  await writeFile(join(path, 'program.ts'), program)
  const compilerOptions = { target: 'es2022', strict: true, noEmit: true, ...options }
  await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', path]).catch(({ stdout }) => assert.fail(stdout))
}

for (const options of [
  { module: 'nodenext' },
  { module: 'preserve' },
  { module: 'esnext', moduleResolution: 'node10' },
]) {
  const { module, moduleResolution = 'its own' } = options
  test(`a TypeScript project with module ${module} and ${moduleResolution} resolution gets types`, async (t) => {
    await compile(t, program, options)
  })
}

const previewProgram = `
import { type AttachmentsPreview, type PreviewManifest } from 'rusty-attachments/preview'
import { decodeManifest, type PathMappingRule } from 'rusty-attachments'
import 'rusty-attachments/preview'

const preview: AttachmentsPreview | null = document.querySelector('attachments-preview')
const manifest: PreviewManifest = { name: 'one', data: decodeManifest('{}').encode() }
preview?.addEventListener('attachments-plan', ({ detail }) => { detail.unmappedCount.toFixed() })
export const rules: PathMappingRule[] | undefined = preview?.rules
void preview?.add([manifest])
`

// Also where a project's own libraries have no DOM: the types ask for it.
for (const options of [
  { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022'] },
  { module: 'node16', lib: ['es2022'] },
]) {
  test(`a TypeScript project with module ${options.module} gets the preview’s types`, (t) =>
    compile(t, previewProgram, options))
}

// As in @aws-sdk/client-deadline, whose types let every field be undefined.
const exact = `
import { downloadJobOutputs, createManifest, generatePathMappingRules } from 'rusty-attachments'

declare const answered: {
  storageProfileId: string | undefined
  displayName: string | undefined
  osFamily: 'WINDOWS' | 'LINUX' | 'MACOS' | undefined
  fileSystemLocations?: { name: string | undefined; path: string | undefined; type: 'LOCAL' | 'SHARED' | undefined }[] | undefined
  $metadata: { requestId?: string }
}
declare const perhaps: string | undefined
declare const signal: AbortSignal | undefined
generatePathMappingRules(answered, { storageProfileId: 'sp-1', osFamily: 'LINUX' })
createManifest({ specificationVersion: null, files: [{ path: 'a', hash: null, runnable: undefined }], dirs: null })
void downloadJobOutputs({
  s3: { bucket: 'b', rootPrefix: 'p', region: perhaps, endpoint: perhaps, credentials: undefined },
  farmId: 'farm-1', queueId: 'queue-1', jobId: 'job-1', stepId: perhaps, sessionActionIds: undefined,
  jobStorageProfile: answered, localStorageProfile: answered, signal, onProgress: undefined, dryRun: undefined,
})
`

test('with exactOptionalPropertyTypes, what may be left out may be undefined, as in answers of the AWS SDK', (t) =>
  compile(t, exact, { module: 'nodenext', exactOptionalPropertyTypes: true }))

test('without an addon that fits, WebAssembly answers and downloads say why they cannot', async (t) => {
  const path = await folder(t)
  await cp(join(root, 'dist'), join(path, 'dist'), {
    recursive: true,
    filter: (file) => !file.endsWith('.node'),
  })
  await writeFile(join(path, 'package.json'), '{ "type": "module" }')
  const face = await import(pathToFileURL(join(path, 'dist/index.js')))
  assert.equal(face.joinPath('C:\\a', '../b', 'windows'), 'C:\\b')
  await face.init()
  await assert.rejects(face.downloadJobOutputs({}), (error) => {
    assert.equal(error.code, 'NATIVE_UNAVAILABLE')
    assert.match(error.message, new RegExp(`rusty-attachments\\.${process.platform}-${process.arch}\\.node`))
    assert.equal(error.cause.code, 'MODULE_NOT_FOUND')
    return true
  })
})

test('what is published is what runs', async () => {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const parameters = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const { stdout } = await promisify(execFile)(npm, parameters, {
    cwd: root,
    shell: process.platform === 'win32',
  })
  const packed = JSON.parse(stdout)[0].files.map(({ path }) => path)
  const built = await readdir(join(root, 'dist'), { recursive: true })
  const needed = built.filter((file) => /\.(js|node|wasm)$/.test(file)).map((file) => `dist/${file}`)
  for (const file of [
    ...needed,
    'dist/types.d.ts',
    'dist/preview/types.d.ts',
    'dist/sync/types.d.ts',
    'docs/path-mapping.svg',
    'preview/index.html',
    'preview/sample/job.json',
    'LICENSE',
    'README.md',
  ])
    assert.ok(packed.includes(file), file)
  const foreign = packed.filter(
    (file) => !/^(dist|docs|js\/examples|preview)\/|^[^/]+$|^js\/((preview|sync)\/)?types\.ts$/.test(file),
  )
  assert.deepEqual(foreign, [])
  const sources = await readdir(join(root, 'js'), { recursive: true })
  const scripts = packed.filter((file) => /^dist\/(?!rusty_attachments).*\.js$/.test(file))
  const orphans = scripts.filter(
    (file) => !sources.includes(file.slice('dist/'.length, -'.js'.length) + '.ts'),
  )
  assert.deepEqual(orphans, [], 'left behind by sources that are no more')
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\((js|docs)\/([^)]+)\)/g)].map(
    ([, folder, name]) => `${folder}/${name}`,
  )
  for (const link of links)
    assert.ok(
      packed.some((file) => file.startsWith(link)),
      link,
    )
})
