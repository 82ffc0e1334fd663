#!/bin/sh
# Makes the files in this folder, with ffmpeg 5.1 as of Debian 12. They are kept in the repository so that the tests
# need no ffmpeg.
set -e
cd "$(dirname "$0")"
make() { ffmpeg -v error -y "$@"; }
TINY="-c:v libx264 -preset veryslow -crf 30 -pix_fmt yuv420p"
BARS="testsrc2=size=128x72:rate=25:duration=2"
TONE="sine=frequency=440:duration=2"

# A phone held upright: bright at the left as stored, so bright at the top as shown; index last; a place.
make -f lavfi -i "color=black:size=160x90:rate=30:duration=2,drawbox=width=80:color=white:thickness=fill" \
  -f lavfi -i "$TONE" $TINY -c:a aac -b:a 32k /tmp/upright.mp4
make -i /tmp/upright.mp4 -c copy -metadata:s:v:0 rotate=270 -metadata location="+52.5163+013.3777/" phone.mov
# A compliant file without any metadata.
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" $TINY -c:a aac -b:a 32k -fflags +bitexact -movflags +faststart compliant.mp4
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" $TINY -c:a aac -b:a 32k -movflags +frag_keyframe+empty_moov -g 25 fragmented.mp4
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" -vf format=yuv420p10le -c:v libx265 -crf 32 -x265-params log-level=none -tag:v hvc1 -c:a aac -b:a 32k -ac 1 hevc-10bit-mono.mov
make -f lavfi -i "$BARS" -vf "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc" \
  -c:v libx265 -crf 32 -x265-params log-level=none:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc -tag:v hvc1 hdr.mp4
make -f lavfi -i "testsrc2=size=160x90:rate=25:duration=2" -f lavfi -i "aevalsrc=sin(440*t)|0|sin(660*t)|0|0|sin(880*t):c=5.1:s=48000:d=2" \
  -vf scale=161:91 -c:v libvpx-vp9 -crf 45 -b:v 0 -pix_fmt yuv420p -c:a libopus -b:a 48k odd-surround.webm
make -f lavfi -i "$BARS" -c:v libaom-av1 -cpu-used 8 -crf 50 -b:v 0 av1-silent.mkv
# As browsers record: no duration, no index, variable frame rate.
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" -vf "select='not(mod(n,3))+lt(n,12)'" -vsync vfr -c:v libvpx -b:v 60k -c:a libopus -b:a 24k -f webm -live 1 pipe:1 >recorder.webm
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" -vf "select='lt(mod(n,10),4)'" -vsync vfr $TINY -c:a aac -b:a 32k variable-rate.mp4
make -f lavfi -i "$BARS" -c:v mpeg4 -q:v 20 silent.avi
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" -c:v flv1 -q:v 20 -ar 22050 -c:a libmp3lame -b:a 32k old.flv
make -f lavfi -i "$BARS" -f lavfi -i "$TONE" -c:v mpeg2video -flags +ilme+ildct -q:v 20 -c:a mp2 -b:a 64k -output_ts_offset 100 -f mpegts interlaced.m2t
# The size changes in the middle.
make -f lavfi -i "testsrc2=size=128x72:rate=25:duration=1" $TINY /tmp/a.ts
make -f lavfi -i "testsrc2=size=64x64:rate=25:duration=1" $TINY -output_ts_offset 1 /tmp/b.ts
cat /tmp/a.ts /tmp/b.ts >changing-size.m2t
make -f lavfi -i "$BARS" $TINY -aspect 21:9 wide-pixels.mp4
# Black, then grey, then a picture at 2.0 s.
make -f lavfi -i "color=black:size=128x72:rate=25:duration=1" -f lavfi -i "color=gray:size=128x72:rate=25:duration=1" \
  -f lavfi -i "testsrc2=size=128x72:rate=25:duration=1" -filter_complex "[0][1][2]concat=n=3" $TINY three-scenes.mp4
make -f lavfi -i "$TONE" -f lavfi -i "color=red:size=64x64:duration=0.04" -map 0 -map 1 -c:a aac -b:a 32k -c:v mjpeg -disposition:v attached_pic song-with-cover.mp4
make -f lavfi -i "color=gray:size=16384x16:rate=1:duration=1" $TINY 16384px.mp4
make -f lavfi -i "color=gray:size=16x16:rate=1/60:duration=18000" $TINY five-hours.mp4
# The left half is red, the right half see-through.
make -f lavfi -i "color=red:size=96x64" -vf "format=rgba,geq=r=255:g=0:b=0:a='if(lt(X,48),255,0)'" -frames:v 1 half.png
make -i half.png -c:v libwebp -lossless 1 half.webp
make -f lavfi -i "testsrc2=size=96x64:rate=5:duration=1" -vf "split[a][b];[a]palettegen=max_colors=8[p];[b][p]paletteuse" moving.gif
make -f lavfi -i "color=black:size=96x64,drawbox=width=48:color=white:thickness=fill" -frames:v 1 -q:v 8 bright-left.jpg
make -f lavfi -i "color=black:size=96x64:rate=1:duration=1,drawbox=width=48:color=white:thickness=fill" -frames:v 1 -pix_fmt yuv420p \
  -c:v libaom-av1 -still-picture 1 -cpu-used 8 -fflags +bitexact bright-left.avif
# As a phone films: large enough that an encode of it can be met half-way.
make -f lavfi -i "testsrc2=size=720x1280:rate=30:duration=8" -f lavfi -i "sine=frequency=440:duration=8" \
  -c:v libx264 -preset veryslow -crf 51 -pix_fmt yuv420p -c:a aac -b:a 32k -fflags +bitexact -movflags +faststart upright-8s.mp4
# Smaller and shorter, where that does not matter.
make -f lavfi -i "testsrc2=size=360x640:rate=30:duration=2" -f lavfi -i "sine=frequency=440:duration=2" \
  -c:v libx264 -preset veryslow -crf 45 -pix_fmt yuv420p -c:a aac -b:a 32k -fflags +bitexact -movflags +faststart upright-2s.mp4
# Red, green and blue as they are, which few players know.
make -f lavfi -i "testsrc2=size=640x360:rate=25:duration=4" -vf format=gbrp -c:v libvpx-vp9 -crf 63 -b:v 0 -cpu-used 4 -fflags +bitexact rgb-silent.webm
# heif-enc 1.15, of Debian's libheif-examples; tests put the two squares together as tiles.
for picture in "bright-left 96x64 black,drawbox=width=48:color=white:thickness=fill" "bright 64x64 white" "dark 64x64 black"; do
  set -- $picture
  make -f lavfi -i "color=size=$2:color=$3" -frames:v 1 /tmp/still.png
  heif-enc -q 40 -o "$1.heic" /tmp/still.png
done
