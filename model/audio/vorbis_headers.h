// The headers of Ogg Vorbis files, checked before libsndfile sees them.
#ifndef MAGNET_MODEL_AUDIO_VORBIS_HEADERS_H_
#define MAGNET_MODEL_AUDIO_VORBIS_HEADERS_H_

#include <string_view>

namespace magnet {

// False where the bytes are an Ogg stream that begins as Vorbis does but lacks
// one of the three headers, or has one that libvorbis does not accept. True for
// everything else, whatever it is.
//
// libsndfile (1.2) leaks 6 kB whenever the first header is refused or the others
// are missing, and goes on with a decoder that was never set up where they are
// refused: a stranger could fill a server's memory with small files.
// (Vorbis I specification, section 4.2; xiph.org/ogg/doc)
bool VorbisHeadersAreSound(std::string_view bytes);

}  // namespace magnet

#endif  // MAGNET_MODEL_AUDIO_VORBIS_HEADERS_H_
