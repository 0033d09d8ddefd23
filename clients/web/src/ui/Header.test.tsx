import { cleanup, fireEvent } from '@solidjs/testing-library'
import { afterEach, describe, expect, it } from 'vitest'
import { Header } from './Header'
import { show } from './testing'

afterEach(cleanup)

describe('the menu of a telephone', () => {
  it('opens by its button and closes by it, by Escape and by a touch elsewhere', () => {
    const { container } = show(() => <Header />)
    const button = container.querySelector<HTMLElement>('.menu-button')
    if (button === null) throw new Error('there is no button')
    const menu = document.getElementById(button.getAttribute('aria-controls') ?? '')
    const isOpen = () => {
      expect(menu?.classList.contains('open')).toBe(button.getAttribute('aria-expanded') === 'true')
      return menu?.classList.contains('open')
    }
    expect(isOpen()).toBe(false)
    for (const close of [
      () => fireEvent.click(button),
      () => fireEvent.keyDown(document.body, { key: 'Escape' }),
      () => fireEvent.pointerDown(document.body),
    ]) {
      fireEvent.click(button)
      fireEvent.keyDown(document.body, { key: 'a' })
      if (menu !== null) fireEvent.pointerDown(menu)
      expect(isOpen()).toBe(true)
      close()
      expect(isOpen()).toBe(false)
    }
  })
})
