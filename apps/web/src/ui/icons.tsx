import type { ReactNode } from "react";

interface IconProps {
  size?: number;
}

function Icon({
  size = 24,
  filled = false,
  children,
}: IconProps & { filled?: boolean; children: ReactNode }) {
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill={filled ? "currentColor" : "none"}
      stroke={filled ? "none" : "currentColor"}
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

const speaker = <path d="M4 9.5v5h3.4L12 18.5v-13L7.4 9.5z" />;
const person = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4 3.6-6 7.5-6s6.9 2 7.5 6";

export const HomeIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 10.6 12 4l8 6.6V19a1.4 1.4 0 0 1-1.4 1.4h-4.1v-5.9h-5v5.9H5.400A1.4 1.4 0 0 1 4 19z" />
  </Icon>
);
export const HomeFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M12 3 3.2 10.300V19A2.2 2.2 0 0 0 5.4 21.200h4.900v-6.100h3.400v6.100h4.900A2.2 2.2 0 0 0 20.8 19v-8.700z" />
  </Icon>
);
export const PersonIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d={person} />
  </Icon>
);
export const PersonFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M12 12.600a4.7 4.7 0 1 0 0-9.4 4.7 4.7 0 0 0 0 9.400zM3.3 21.200c.4-4.8 4-7.2 8.7-7.200s8.3 2.4 8.7 7.200z" />
  </Icon>
);
export const PlusIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);
export const SettingsIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 7h9M18 7h2M4 17h3M12 17h8" />
    <circle cx="15.5" cy="7" r="2.5" />
    <circle cx="9.5" cy="17" r="2.5" />
  </Icon>
);
export const HistoryIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.3M3.5 3.8v4.5H8M12 7.5V12l3 2" />
  </Icon>
);
export const ChartIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 4v16h16M8 15l3.5-4.5 3 2.5L19 7.5" />
  </Icon>
);
export const ShareIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M13.5 3.6c-.6-.5-1.5-.1-1.5.7v3.300C6.3 8 3 11.9 2.5 18.600c0 .7.9 1 1.3.4 2-3 4.5-4.4 8.2-4.400v3.500c0 .8.9 1.2 1.5.7l8-7c.4-.4.4-1 0-1.400z" />
  </Icon>
);
export const SoundOnIcon = (props: IconProps) => (
  <Icon {...props}>
    {speaker}
    <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.500a7.8 7.8 0 0 1 0 11" />
  </Icon>
);
export const SoundOffIcon = (props: IconProps) => (
  <Icon {...props}>
    {speaker}
    <path d="m16 9.5 5 5M21 9.500l-5 5" />
  </Icon>
);
export const PlayIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M7.2 4.700c0-1.1 1.2-1.8 2.2-1.200l10.9 7.200c.9.6.900 1.9 0 2.500L9.4 20.500c-1 .6-2.2-.1-2.2-1.200z" />
  </Icon>
);
export const BackIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m14.5 5-7 7 7 7" />
  </Icon>
);
export const NextIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m9.5 5 7 7-7 7" />
  </Icon>
);
export const PicturesIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3.500" y="7" width="13.500" height="13.500" rx="2.500" />
    <path d="M8 3.500h10a2.500 2.500 0 0 1 2.500 2.500v10" />
  </Icon>
);
export const UpIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 15 7-7 7 7" />
  </Icon>
);
export const DownIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 9 7 7 7-7" />
  </Icon>
);
export const CloseIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m6 6 12 12M18 6 6 18" />
  </Icon>
);
export const CheckIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 12.5 4.7 4.700L19.5 7" />
  </Icon>
);
export const CheckAllIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m2.5 12.5 4.500 4.700L16 7M12.500 16.500l.7.7L22 7" />
  </Icon>
);
export const CameraIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 8.400A1.4 1.4 0 0 1 5.4 7h2.400l1.5-2.200h5.400L16.2 7h2.400A1.4 1.4 0 0 1 20 8.400v9.200a1.4 1.4 0 0 1-1.4 1.400H5.400A1.4 1.4 0 0 1 4 17.600z" />
    <circle cx="12" cy="12.7" r="3.3" />
  </Icon>
);
export const TrashIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10 11v5M14 11v5" />
  </Icon>
);
export const EyeIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
    <circle cx="12" cy="12" r="2.8" />
  </Icon>
);
export const EyeOffIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m4 4 16 16M9.5 5.900A9 9 0 0 1 12 5.500c6 0 9.5 6.5 9.5 6.500a17 17 0 0 1-2.8 3.500M6.2 7.500A16 16 0 0 0 2.5 12s3.5 6.5 9.5 6.500c1.6 0 3-.4 4.3-1.100M9.9 10.2a2.8 2.8 0 0 0 3.9 3.9" />
  </Icon>
);
export const FilmIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3.5" y="5" width="17" height="14" rx="2.5" />
    <path d="m10.3 9.4 4.3 2.6-4.3 2.600z" />
  </Icon>
);
export const AlertIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 4 2.8 19.500h18.400zM12 10v4.500M12 17v.1" />
  </Icon>
);
export const DeviceIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3" y="5" width="18" height="11.5" rx="1.8" />
    <path d="M8.5 20h7M12 16.500V20" />
  </Icon>
);
export const PhoneIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="7" y="3" width="10" height="18" rx="2.2" />
    <path d="M11 18h2" />
  </Icon>
);
export const ExitIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M14 4.500H6.400A1.4 1.4 0 0 0 5 5.900v12.200a1.4 1.4 0 0 0 1.4 1.400H14M10.5 12H20M16.5 8.5 20 12l-3.5 3.5" />
  </Icon>
);
export const EditIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4.5 19.500h4l11-11-4-4-11 11zM13 7l4 4" />
  </Icon>
);
export const MoreIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M6 10.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6zm6 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6zm6 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6z" />
  </Icon>
);
export const HeartIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M12 20.6c-.4 0-.7-.1-1-.4C6.2 16.100 2.500 12.900 2.500 8.900A5.1 5.1 0 0 1 7.7 3.700c1.700 0 3.300.9 4.300 2.300 1-1.400 2.600-2.300 4.300-2.300a5.1 5.1 0 0 1 5.200 5.200c0 4-3.700 7.200-8.500 11.300-.3.300-.6.4-1 .4z" />
  </Icon>
);
export const RepostIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M17 3l4 4-4 4M21 7H8a4 4 0 0 0-4 4v1M7 21l-4-4 4-4M3 17h13a4 4 0 0 0 4-4v-1" />
  </Icon>
);
export const BookmarkIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M7 3h10a2 2 0 0 1 2 2v15c0 .8-.9 1.300-1.600.8L12 17l-5.400 3.800c-.7.5-1.600 0-1.600-.8V5a2 2 0 0 1 2-2z" />
  </Icon>
);
export const CommentIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path
      fillRule="evenodd"
      d="M12 3.200c5.300 0 9.600 3.600 9.600 8.200s-4.300 8.200-9.600 8.200c-.8 0-1.500-.1-2.200-.2l-3.500 2.100c-.5.3-1.100-.1-1-.7l.4-3.200A7.800 7.800 0 0 1 2.400 11.400c0-4.600 4.300-8.200 9.600-8.200zM7.900 10.200a1.300 1.300 0 1 0 0 2.600 1.300 1.300 0 0 0 0-2.600zm4.100 0a1.300 1.300 0 1 0 0 2.600 1.300 1.300 0 0 0 0-2.600zm4.100 0a1.300 1.300 0 1 0 0 2.600 1.300 1.300 0 0 0 0-2.600z"
    />
  </Icon>
);
const bell =
  "M12 3.500a6 6 0 0 0-6 6c0 4.600-1.900 6.300-1.900 7.600h15.800c0-1.300-1.900-3-1.900-7.600a6 6 0 0 0-6-6z";
const clapper = "M9.800 20.300a2.500 2.500 0 0 0 4.400 0";
export const BellIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d={bell} />
    <path d={clapper} />
  </Icon>
);
export const BellFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d={bell} stroke="currentColor" />
    <path d={clapper} fill="none" stroke="currentColor" />
  </Icon>
);
export const MessageIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5.400 4.500h13.200A1.900 1.900 0 0 1 20.500 6.400v8.700a1.900 1.900 0 0 1-1.900 1.900H12l-4.500 3.400V17H5.400a1.900 1.900 0 0 1-1.900-1.900V6.400a1.900 1.900 0 0 1 1.900-1.900zM8 9.300h8M8 12.600h5" />
  </Icon>
);
export const MessageFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path
      fillRule="evenodd"
      d="M5.400 3.500h13.200a2.900 2.900 0 0 1 2.900 2.900v8.700a2.900 2.900 0 0 1-2.900 2.900h-6.300l-4.200 3.200c-.7.500-1.600 0-1.600-.8V18H5.400a2.900 2.900 0 0 1-2.900-2.900V6.400a2.900 2.900 0 0 1 2.900-2.900zM8 8.300a1 1 0 0 0 0 2h8a1 1 0 1 0 0-2zm0 3.600a1 1 0 1 0 0 2h5a1 1 0 1 0 0-2z"
    />
  </Icon>
);
export const FlameIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12.400 3.500c.5 3.200-1 4.600-2.600 6.300C8.200 11.400 6.500 13 6.500 15.600a5.700 5.700 0 0 0 11.400 0c0-2.400-1-4.200-2.300-5.800-.3 1.400-.9 2.200-1.700 2.700.3-3.200-.2-6.800-1.500-9z" />
  </Icon>
);
export const FlameFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M11.700 2.600c.1-.8 1.100-1.100 1.600-.4 1.300 1.900 2 4.600 2 7.300.1-.3.200-.6.200-.9.100-.8 1-1.100 1.500-.5 1.500 1.900 2.700 4.300 2.700 7.300a7.500 7.500 0 0 1-15 0c0-3.500 2.200-5.600 4.100-7.500 1.700-1.700 3-2.800 2.900-5.300z" />
  </Icon>
);
export const SendIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M3.700 4.800c-.3-1 .7-1.900 1.700-1.400l15 7.400c1 .5 1 1.900 0 2.400l-15 7.400c-1 .5-2-.4-1.700-1.400l1.700-5.600 7.300-1.100c.6-.1.600-.900 0-1L5.400 10.400z" />
  </Icon>
);
export const PinIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M9 3.500h6l-.7 6.500 3.200 3.500h-11L9.700 10zM12 13.500v7" />
  </Icon>
);
export const LockIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M6.500 10.500h11a1 1 0 0 1 1 1v7.500a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-7.500a1 1 0 0 1 1-1zM8.500 10.500V7.800a3.500 3.500 0 0 1 7 0v2.700" />
  </Icon>
);
export const UnlockIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M6.500 10.500h11a1 1 0 0 1 1 1v7.500a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-7.500a1 1 0 0 1 1-1zM8.500 10.500V7.800a3.500 3.500 0 0 1 6.700-1.400" />
  </Icon>
);
export const DownloadIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 4v11M7.500 10.500 12 15l4.500-4.500M5 19.500h14" />
  </Icon>
);
export const ThumbDownIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M16.500 4.500v9l-4 7c-1.500 0-2.400-1-2.200-2.500l.6-3.500H5.700c-1.200 0-2-1-1.700-2.200l1.400-6.100c.2-1 1-1.700 2-1.700zM16.500 4.500h3.500v9h-3.500" />
  </Icon>
);
export const GlobeIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M3.500 12h17M12 3.500c5 5.500 5 11.500 0 17M12 3.500c-5 5.500-5 11.500 0 17" />
  </Icon>
);
export const FullscreenIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />
  </Icon>
);
export const FullscreenOffIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5" />
  </Icon>
);
export const BlockIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="12" cy="12" r="8.500" />
    <path d="m6 6 12 12" />
  </Icon>
);
export const QualityIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5.500 5h13A2.500 2.500 0 0 1 21 7.500v9a2.500 2.500 0 0 1-2.500 2.500h-13A2.500 2.500 0 0 1 3 16.500v-9A2.500 2.500 0 0 1 5.500 5z" />
    <path d="M7 9v6M11 9v6M7 12h4M14 9v6h1a2.500 2.500 0 0 0 2.500-2.500v-1A2.500 2.500 0 0 0 15 9z" />
  </Icon>
);
export const SpeedIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5.600 18.500a9 9 0 1 1 12.800 0M12 13.500l3.500-4.500" />
    <path d="M12 14.500a1 1 0 1 0 0-2 1 1 0 0 0 0 2z" />
  </Icon>
);
export const FloatIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 19H5.500A2.500 2.500 0 0 1 3 16.500v-9A2.500 2.500 0 0 1 5.500 5h13A2.500 2.500 0 0 1 21 7.500V11" />
    <path d="M14 14h7v5.500h-7z" />
  </Icon>
);
export const ReplyIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M9.500 6 4 11.500 9.500 17M4.500 11.500H14a6 6 0 0 1 6 6v1" />
  </Icon>
);
export const CopyIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 8.500h8.500A1.500 1.500 0 0 1 20 10v9a1.500 1.500 0 0 1-1.500 1.500H10A1.500 1.500 0 0 1 8.500 19v-9A1.500 1.500 0 0 1 10 8.500zM5.500 15.500A1.500 1.500 0 0 1 4 14V5a1.500 1.500 0 0 1 1.500-1.500h8.500A1.500 1.500 0 0 1 15.500 5" />
  </Icon>
);
export const UndoIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M8 4.500 3.500 9 8 13.500M4 9h10a6 6 0 0 1 0 12H9" />
  </Icon>
);
export const ForwardIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M14.500 6 20 11.500 14.500 17M19.500 11.500H10a6 6 0 0 0-6 6v1" />
  </Icon>
);
export const SearchIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="10.500" cy="10.500" r="6" />
    <path d="m15 15 5.500 5.500" />
  </Icon>
);
