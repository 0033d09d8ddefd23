/** What puts its pictures into a video element by itself, where they are no stream of the browser's. */
export interface Feed {
  /** Until what it returns is called. */
  show(video: HTMLVideoElement): () => void
}

export type Media = MediaStream | Feed

const isFeed = (media: Media): media is Feed => 'show' in media

/** Shows the media in the element; the returned function ends that. */
export function showMedia(video: HTMLVideoElement, media: Media | null): () => void {
  if (media !== null && isFeed(media)) return media.show(video)
  video.srcObject = media
  return () => {
    video.srcObject = null
  }
}

/** Whether there is sound to be turned on. */
export function hasSound(media: Media | null): boolean {
  return media !== null && !isFeed(media) && media.getAudioTracks().length > 0
}

/** What an element has shown, in the words of a receiver's statistics. */
export function countsOf(video: HTMLVideoElement | undefined): { framesDecoded: number; framesDropped: number } {
  const quality = video?.getVideoPlaybackQuality()
  return { framesDecoded: quality?.totalVideoFrames ?? 0, framesDropped: quality?.droppedVideoFrames ?? 0 }
}
