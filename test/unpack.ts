// Run as a process of its own: the package unpacks into the temporary folder, which the caller points somewhere safe.
import chromium from '@sparticuz/chromium'

await chromium.executablePath()
