// Run as a separate process: the package unpacks into the temporary folder, and the caller points that to a safe place.
import chromium from '@sparticuz/chromium'

await chromium.executablePath()
