import type { CheckedMedia, MediaTool } from "./media-tool.ts";

/**
 * A tool that is searched when it is first needed: searching takes a moment, and not every process handles media. A
 * tool is kept until a check of it fails; a failed search is repeated.
 */
export function lazyMediaTool(find: () => Promise<MediaTool>): CheckedMedia {
  let finding: Promise<MediaTool> | undefined;
  const tool = () => {
    finding ??= find().catch((error) => {
      finding = undefined;
      throw error;
    });
    return finding;
  };
  return {
    probe: async (...args) => (await tool()).probe(...args),
    rendition: async (...args) => (await tool()).rendition(...args),
    ladder: async (...args) => (await tool()).ladder(...args),
    loudness: async (...args) => (await tool()).loudness(...args),
    storyboard: async (...args) => (await tool()).storyboard(...args),
    cover: async (...args) => (await tool()).cover(...args),
    frame: async (...args) => (await tool()).frame(...args),
    placeholder: async (...args) => (await tool()).placeholder(...args),
    pictureInfo: async (...args) => (await tool()).pictureInfo(...args),
    pictureSizes: async (...args) => (await tool()).pictureSizes(...args),
    picture: async (...args) => (await tool()).picture(...args),
    async check() {
      const found = await tool();
      await found.check().catch(async () => {
        // It was removed or replaced; there may be another one.
        finding = undefined;
        await (await tool()).check();
      });
    },
  };
}
